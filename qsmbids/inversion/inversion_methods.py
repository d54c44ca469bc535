"""The inversion methods by name; adding one is one entry here and one file beside it.

A method takes a `qsmbids.physics.Problem` and its own options by keyword, and returns the
susceptibility (x, y, z) in ppm as float32, or a `qsmbids.inversion.Reconstruction` where it knows
more. What it returns outside the mask, and the map's mean, do not matter.
"""

from qsmbids.registry import Method, Registry

PREDICT = "qsmbids.inversion.network:network"
FINETUNE = "qsmbids.inversion.finetune:finetune"
NETWORK = ("device",)
# Peak memory of networks in volumes, twice what was measured in bfloat16 at 80^3 to 112^3: not
# every processor has it.
INFERENCE, FIT = 105, 280

# What the papers do (`--preset paper`): they have no closing data consistency.
AS_IT_IS = {"consistency": 0.0}
FITTED = {**AS_IT_IS, "iterations": 200, "gain": 0.0}
ZERO_SHOT = {
    **AS_IT_IS,
    "filters": 24,
    "patch_iterations": 2000,
    "patch_size": 96,
    "batch": 2,
    "patch_learning_rate": 2e-4,
    "iterations": 2000,
    "learning_rate": 2e-4,
    "total_variation": 0.004,
    "gain": 0.0,
}

DEFAULT = "dcnet-tv"
"""The method where none is asked for."""

METHODS = Registry(
    "inversion",
    {
        "tkd": Method(
            "qsmbids.inversion.tkd:tkd",
            "Thresholded k-space division",
            "by thresholded k-space division with correction of the underestimated scale",
            ("shmueli2009", "schweser2013"),
        ),
        "tikhonov": Method(
            "qsmbids.inversion.tikhonov:tikhonov",
            "Closed-form L2",
            "by closed-form minimisation with an L2 penalty on the gradient",
            ("bilgic2014",),
        ),
        "ndi": Method(
            "qsmbids.inversion.ndi:ndi",
            "Nonlinear dipole inversion",
            "by nonlinear dipole inversion, regularised by early stopping",
            ("polak2020",),
        ),
        "tv": Method(
            "qsmbids.inversion.tv:tv",
            "Total variation (ADMM)",
            "by weighted total-variation-regularised inversion, solved with ADMM",
            ("bilgic2015", "milovic2018"),
        ),
        "medi": Method(
            "qsmbids.inversion.medi:medi",
            "Morphology-enabled dipole inversion",
            "by nonlinear morphology-enabled dipole inversion",
            ("liu2012", "liu2013"),
            uses=("magnitude",),
        ),
        "dcnet": Method(
            PREDICT,
            "Data-consistent network",
            "by a U-Net between two closed-form data consistencies, trained on simulated fields",
            ("aggarwal2019",),
            {"weights": "dcnet", "consistency": 0.0},
            volumes=INFERENCE,
            uses=NETWORK,
        ),
        "dcnet-tv": Method(
            "qsmbids.inversion.network_tv:network_tv",
            "Data-consistent network refined by total variation",
            "by total-variation-regularised inversion around the map of a U-Net between two "
            "closed-form data consistencies, trained on simulated fields, strong sources and "
            "sources outside the mask first, edges of the magnitude at less cost; "
            "where much of the field stays unexplained, by the mean with a second network's map",
            ("aggarwal2019", "bilgic2015", "milovic2018", "liu2021"),
            {"weights": "dcnet"},
            volumes=INFERENCE,
            uses=(*NETWORK, "magnitude"),
        ),
        "synthnet": Method(
            PREDICT,
            "U-Net trained on synthetic shapes",
            "by a U-Net trained on purely synthetic shapes with physics-aware augmentation",
            ("jochmann2020",),
            {"weights": "synthnet"},
            paper=AS_IT_IS,
            volumes=INFERENCE,
            uses=NETWORK,
        ),
        "uqsm": Method(
            PREDICT,
            "uQSM",
            "by a U-Net trained without labels, by the dipole model and total variation",
            ("liu2020",),
            {"weights": "uqsm"},
            paper=AS_IT_IS,
            volumes=INFERENCE,
            uses=NETWORK,
        ),
        "uqsm+": Method(
            PREDICT,
            "uQSM+",
            "by a U-Net trained without labels, by the dipole model, total variation and "
            "consistency under added strong sources",
            ("liu2020", "liu2022"),
            {"weights": "uqsm+"},
            paper=AS_IT_IS,
            volumes=INFERENCE,
            uses=NETWORK,
        ),
        "qsminvnet": Method(
            FINETUNE,
            "QSMInvNet",
            "by a U-Net trained on synthetic data and fine-tuned on the participant's own field",
            ("liu2019",),
            {"weights": "qsminvnet"},
            paper=FITTED,
            volumes=FIT,
            uses=NETWORK,
        ),
        "qsminvnet+": Method(
            FINETUNE,
            "QSMInvNet+",
            "by a U-Net with domain-specific batch normalization, trained on labelled and "
            "unlabelled fields and fine-tuned on the participant's own field",
            ("liu2019", "liu2021"),
            {"weights": "qsminvnet+"},
            paper={**FITTED, "domain": "target"},
            volumes=FIT,
            uses=NETWORK,
        ),
        "zs-uqsm+": Method(
            "qsmbids.inversion.zeroshot:zero_shot",
            "Zero-shot uQSM+",
            "by a model-based network trained on the participant's own field, with consistency "
            "under added strong sources",
            ("liu2022",),
            paper=ZERO_SHOT,
            volumes=FIT,
            uses=NETWORK,
        ),
        "dip": Method(
            "qsmbids.inversion.dip:deep_image_prior",
            "Deep image prior",
            "with a deep image prior: an untrained network fitted to the field and stopped before "
            "it fits noise",
            ("ulyanov2020",),
            paper={**AS_IT_IS, "source": "noise", "iterations": 2000},
            volumes=FIT,
            uses=NETWORK,
        ),
    },
)

COMBINATIONS = Registry(
    "multi-orientation",
    {
        "cosmos": Method(
            "qsmbids.inversion.cosmos:cosmos",
            "COSMOS",
            "from several head orientations at once, by weighted least squares",
            ("liu2009",),
            planning={"group": "auto"},
        ),
    },
)
"""Methods that take the local fields of several head orientations and give one map."""
