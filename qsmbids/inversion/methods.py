"""The inversion methods by name; adding one is one line here and one file beside it."""

from qsmbids.registry import Method, Registry

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
        ),
        "zs-uqsm+": Method(
            "qsmbids.inversion.zeroshot:zero_shot",
            "Zero-shot uQSM+",
            "by a model-based network trained on the participant's own field, with consistency "
            "under added strong sources",
            ("liu2020",),
        ),
        "dip": Method(
            "qsmbids.inversion.dip:deep_image_prior",
            "Deep image prior",
            "with a deep image prior: an untrained network fitted to the field and stopped before "
            "it fits noise",
            ("ulyanov2020",),
        ),
    },
)
