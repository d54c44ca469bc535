"""The references that methods and reports cite, by key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Citation:
    """One reference: its text, and its DOI or, where it has none, its address if there is one."""

    text: str
    doi: str = ""
    address: str = ""

    @property
    def url(self) -> str:
        """The link that resolves the DOI, else the address; empty without either."""
        return f"https://doi.org/{self.doi}" if self.doi else self.address

    def __str__(self) -> str:
        return f"{self.text} {self.url}".rstrip()


CITATIONS: dict[str, Citation] = {
    # regions
    "hallgren1958": Citation(
        "Hallgren B, Sourander P. The effect of age on the non-haemin iron in the human brain. "
        "J Neurochem 3:41-51 (1958).",
        "10.1111/j.1471-4159.1958.tb12607.x",
    ),
    "zheng2013": Citation(
        "Zheng W, Nichol H, Liu S, Cheng YC, Haacke EM. Measuring iron in the brain using "
        "quantitative susceptibility mapping and X-ray fluorescence imaging. "
        "NeuroImage 78:68-74 (2013).",
        "10.1016/j.neuroimage.2013.04.022",
    ),
    # weighting and separation
    "haacke2004": Citation(
        "Haacke EM, Xu Y, Cheng YC, Reichenbach JR. Susceptibility weighted imaging (SWI). "
        "Magn Reson Med 52:612-618 (2004).",
        "10.1002/mrm.20198",
    ),
    "denk2010": Citation(
        "Denk C, Rauscher A. Susceptibility weighted imaging with multiple echoes. "
        "J Magn Reson Imaging 31:185-191 (2010).",
        "10.1002/jmri.21995",
    ),
    "shin2021": Citation(
        "Shin HG, Lee J, Yun YH, et al. Chi-separation: magnetic susceptibility source separation "
        "toward iron and myelin mapping in the brain. NeuroImage 240:118371 (2021).",
        "10.1016/j.neuroimage.2021.118371",
    ),
    "dimov2022": Citation(
        "Dimov AV, Gillen KM, Nguyen TD, et al. Magnetic susceptibility source separation solely "
        "from gradient echo data: histological validation. Tomography 8:1544-1551 (2022).",
        "10.3390/tomography8030127",
    ),
    # inversion
    "shmueli2009": Citation(
        "Shmueli K, de Zwart JA, van Gelderen P, Li TQ, Dodd SJ, Duyn JH. Magnetic susceptibility "
        "mapping of brain tissue in vivo using MRI phase data. Magn Reson Med 62:1510-1522 (2009).",
        "10.1002/mrm.22135",
    ),
    "schweser2013": Citation(
        "Schweser F, Deistung A, Sommer K, Reichenbach JR. Toward online reconstruction of "
        "quantitative susceptibility maps: superfast dipole inversion. "
        "Magn Reson Med 69:1582-1594 (2013).",
        "10.1002/mrm.24405",
    ),
    "bilgic2014": Citation(
        "Bilgic B, Chatnuntawech I, Fan AP, Setsompop K, Cauley SF, Wald LL, Adalsteinsson E. "
        "Fast image reconstruction with L2-regularization. "
        "J Magn Reson Imaging 40:181-191 (2014).",
        "10.1002/jmri.24365",
    ),
    "bilgic2015": Citation(
        "Bilgic B, Chatnuntawech I, Langkammer C, Setsompop K. Sparse methods for quantitative "
        "susceptibility mapping. Proc SPIE 9597, Wavelets and Sparsity XVI, 959711 (2015).",
        "10.1117/12.2188535",
    ),
    "polak2020": Citation(
        "Polak D, Chatnuntawech I, Yoon J, et al. Nonlinear dipole inversion (NDI) enables robust "
        "quantitative susceptibility mapping (QSM). NMR Biomed 33:e4271 (2020).",
        "10.1002/nbm.4271",
    ),
    "milovic2018": Citation(
        "Milovic C, Bilgic B, Zhao B, Acosta-Cabronero J, Tejos C. Fast nonlinear susceptibility "
        "inversion with variational regularization. Magn Reson Med 80:814-821 (2018).",
        "10.1002/mrm.27073",
    ),
    "liu2009": Citation(
        "Liu T, Spincemaille P, de Rochefort L, Kressler B, Wang Y. Calculation of susceptibility "
        "through multiple orientation sampling (COSMOS): a method for conditioning the inverse "
        "problem from measured magnetic field map to susceptibility source image in MRI. "
        "Magn Reson Med 61:196-204 (2009).",
        "10.1002/mrm.21828",
    ),
    "liu2012": Citation(
        "Liu J, Liu T, de Rochefort L, Ledoux J, Khalidov I, Chen W, Tsiouris AJ, Wisnieff C, "
        "Spincemaille P, Prince MR, Wang Y. Morphology enabled dipole inversion for quantitative "
        "susceptibility mapping using structural consistency between the magnitude image and the "
        "susceptibility map. NeuroImage 59:2560-2568 (2012).",
        "10.1016/j.neuroimage.2011.08.082",
    ),
    "liu2020": Citation(
        "Liu J, Koch KM. Model-based learning for quantitative susceptibility mapping. Machine "
        "Learning for Medical Image Reconstruction, Lect Notes Comput Sci 12450:48-59 (2020).",
        "10.1007/978-3-030-61598-7_5",
    ),
    "liu2022": Citation(
        "Liu J. Improved model-based learning with data augmentation for quantitative "
        "susceptibility mapping. Medical Imaging with Deep Learning (2022).",
    ),
    "liu2019": Citation(
        "Liu J, Koch KM. Non-locally encoder-decoder convolutional network for whole brain QSM "
        "inversion. arXiv:1904.05493 (2019).",
        "10.48550/arXiv.1904.05493",
    ),
    "liu2021": Citation(
        "Liu J, Koch K. Exploring domain adaptation for deep neural network trained QSM. "
        "Proc Intl Soc Magn Reson Med 29:3980 (2021).",
        address="https://www.ismrm.org/21/program-files/TeaserSlides/TeasersPresentations/"
        "3980-Teaser.html",
    ),
    "jochmann2020": Citation(
        "Jochmann T, Haueisen J, Schweser F. How to train a deep convolutional neural network for "
        "quantitative susceptibility mapping (QSM). Proc Intl Soc Magn Reson Med 28:3195 (2020).",
        address="https://cds.ismrm.org/protected/20MProceedings/PDFfiles/3195.html",
    ),
    "aggarwal2019": Citation(
        "Aggarwal HK, Mani MP, Jacob M. MoDL: model-based deep learning architecture for inverse "
        "problems. IEEE Trans Med Imaging 38:394-405 (2019).",
        "10.1109/TMI.2018.2865356",
    ),
    "ulyanov2020": Citation(
        "Ulyanov D, Vedaldi A, Lempitsky V. Deep image prior. "
        "Int J Comput Vis 128:1867-1888 (2020).",
        "10.1007/s11263-020-01303-4",
    ),
    # background
    "schweser2011": Citation(
        "Schweser F, Deistung A, Lehr BW, Reichenbach JR. Quantitative imaging of intrinsic "
        "magnetic tissue properties using MRI signal phase: an approach to in vivo brain iron "
        "metabolism? NeuroImage 54:2789-2807 (2011).",
        "10.1016/j.neuroimage.2010.10.070",
    ),
    "sun2014": Citation(
        "Sun H, Wilman AH. Background field removal using spherical mean value filtering and "
        "Tikhonov regularization. Magn Reson Med 71:1151-1157 (2014).",
        "10.1002/mrm.24765",
    ),
    "wu2012": Citation(
        "Wu B, Li W, Guidon A, Liu C. Whole brain susceptibility mapping using compressed "
        "sensing. Magn Reson Med 67:137-147 (2012).",
        "10.1002/mrm.23000",
    ),
    "liu2011": Citation(
        "Liu T, Khalidov I, de Rochefort L, Spincemaille P, Liu J, Tsiouris AJ, Wang Y. A novel "
        "background field removal method for MRI using projection onto dipole fields (PDF). "
        "NMR Biomed 24:1129-1136 (2011).",
        "10.1002/nbm.1670",
    ),
    "liu2017": Citation(
        "Liu Z, Kee Y, Zhou D, Wang Y, Spincemaille P. Preconditioned total field inversion (TFI) "
        "method for quantitative susceptibility mapping. Magn Reson Med 78:303-315 (2017).",
        "10.1002/mrm.26331",
    ),
    "zhou2014": Citation(
        "Zhou D, Liu T, Spincemaille P, Wang Y. Background field removal by solving the Laplacian "
        "boundary value problem. NMR Biomed 27:312-319 (2014).",
        "10.1002/nbm.3064",
    ),
    # masking
    "hoopes2022": Citation(
        "Hoopes A, Mora JS, Dalca AV, Fischl B, Hoffmann M. SynthStrip: skull-stripping for any "
        "brain image. NeuroImage 260:119474 (2022).",
        "10.1016/j.neuroimage.2022.119474",
    ),
    "isensee2019": Citation(
        "Isensee F, Schell M, Pflueger I, et al. Automated brain extraction of multisequence MRI "
        "using artificial neural networks. Hum Brain Mapp 40:4952-4964 (2019).",
        "10.1002/hbm.24750",
    ),
    "otsu1979": Citation(
        "Otsu N. A threshold selection method from gray-level histograms. "
        "IEEE Trans Syst Man Cybern 9:62-66 (1979).",
        "10.1109/TSMC.1979.4310076",
    ),
    # phase
    "abdulrahman2007": Citation(
        "Abdul-Rahman HS, Gdeisat MA, Burton DR, Lalor MJ, Lilley F, Moore CJ. Fast and robust "
        "three-dimensional best path phase unwrapping algorithm. Appl Opt 46:6623-6635 (2007).",
        "10.1364/AO.46.006623",
    ),
    "herraez2002": Citation(
        "Arevalillo Herraez M, Burton DR, Lalor MJ, Gdeisat MA. Fast two-dimensional "
        "phase-unwrapping algorithm based on sorting by reliability following a noncontinuous "
        "path. Appl Opt 41:7437-7444 (2002).",
        "10.1364/AO.41.007437",
    ),
    "robinson2017": Citation(
        "Robinson SD, Bredies K, Khabipova D, Dymerska B, Marques JP, Schweser F. An illustrated "
        "comparison of processing methods for MR phase imaging and QSM: combining array coil "
        "signals and phase unwrapping. NMR Biomed 30:e3601 (2017).",
        "10.1002/nbm.3601",
    ),
    "schofield2003": Citation(
        "Schofield MA, Zhu Y. Fast phase unwrapping algorithm for interferometric applications. "
        "Opt Lett 28:1194-1196 (2003).",
        "10.1364/OL.28.001194",
    ),
    "liu2013": Citation(
        "Liu T, Wisnieff C, Lou M, Chen W, Spincemaille P, Wang Y. Nonlinear formulation of the "
        "magnetic field to source relationship for robust quantitative susceptibility mapping. "
        "Magn Reson Med 69:467-476 (2013).",
        "10.1002/mrm.24272",
    ),
    "qsmconsensus2024": Citation(
        "QSM Consensus Organization Committee, Bilgic B, Costagli M, Chan KS, et al. Recommended "
        "implementation of quantitative susceptibility mapping for clinical research in the "
        "brain: a consensus of the ISMRM electro-magnetic tissue properties study group. "
        "Magn Reson Med 91:1834-1862 (2024).",
        "10.1002/mrm.30006",
    ),
    # software
    "gorgolewski2016": Citation(
        "Gorgolewski KJ, Auer T, Calhoun VD, et al. The brain imaging data structure, a format "
        "for organizing and describing outputs of neuroimaging experiments. "
        "Sci Data 3:160044 (2016).",
        "10.1038/sdata.2016.44",
    ),
    "nipype": Citation(
        "Gorgolewski K, Burns CD, Madison C, et al. Nipype: a flexible, lightweight and "
        "extensible neuroimaging data processing framework in Python. "
        "Front Neuroinform 5:13 (2011).",
        "10.3389/fninf.2011.00013",
    ),
    "pybids": Citation(
        "Yarkoni T, Markiewicz CJ, de la Vega A, et al. PyBIDS: Python tools for BIDS datasets. "
        "J Open Source Softw 4:1294 (2019).",
        "10.21105/joss.01294",
    ),
    "nibabel": Citation(
        "Brett M, Markiewicz CJ, Hanke M, et al. nipy/nibabel. Zenodo.", "10.5281/zenodo.591597"
    ),
    "harris2020": Citation(
        "Harris CR, Millman KJ, van der Walt SJ, et al. Array programming with NumPy. "
        "Nature 585:357-362 (2020).",
        "10.1038/s41586-020-2649-2",
    ),
    "virtanen2020": Citation(
        "Virtanen P, Gommers R, Oliphant TE, et al. SciPy 1.0: fundamental algorithms for "
        "scientific computing in Python. Nat Methods 17:261-272 (2020).",
        "10.1038/s41592-019-0686-2",
    ),
}
