"""How well the coordinates of a code say known factors one by one: DCI, MIG, the FactorVAE score and SAP.

    result = gantk.disentanglement.measure(codes_ND, factors_NF)
    result.dci.disentanglement, result.mig, result.factor_vae, result.sap

Every score is 1 where each factor has one coordinate of its own and near 0 where none has.
"""

from gantk.disentanglement.results import Dci as Dci
from gantk.disentanglement.results import DisentanglementResult as DisentanglementResult
from gantk.disentanglement.scores import measure as measure

__all__ = ["Dci", "DisentanglementResult", "measure"]
