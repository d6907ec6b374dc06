"""Networks of the published sizes with random weights, and the commands that are measured on them."""
