"""Understanding goods from their vectors: heads for classes and numbers, chosen honestly and reported on test rows."""

from goodsense.understand.choose import CLASSIFIERS, REGRESSORS, Chosen, Trial, choose_classifier, choose_regressor
from goodsense.understand.classify import (
    ClassifierResult,
    RegressorResult,
    RowCounts,
    evaluate_classifier,
    evaluate_regressor,
)
from goodsense.understand.heads import (
    Classifier,
    Head,
    KernelRidgeHead,
    KernelRidgeRegressor,
    LogisticHead,
    MajorityHead,
    RidgeHead,
    TreesHead,
)
from goodsense.understand.mask import LabelMask, mask_label, mask_labels

__all__ = [
    "CLASSIFIERS",
    "REGRESSORS",
    "Chosen",
    "Classifier",
    "ClassifierResult",
    "Head",
    "KernelRidgeHead",
    "KernelRidgeRegressor",
    "LabelMask",
    "LogisticHead",
    "MajorityHead",
    "RegressorResult",
    "RidgeHead",
    "RowCounts",
    "TreesHead",
    "Trial",
    "choose_classifier",
    "choose_regressor",
    "evaluate_classifier",
    "evaluate_regressor",
    "mask_label",
    "mask_labels",
]
