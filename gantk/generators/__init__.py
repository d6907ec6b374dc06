"""The model zoo: every architecture behind one `Generator` contract."""
