"""BibTeX of tinyeval and of the methods that a bank used; the registries say what each cites."""

from __future__ import annotations

from tinyeval.version import __version__

TINYEVAL = f"""\
@software{{tinyeval,
  author = {{{{The tinyeval authors}}}},
  title = {{tinyeval: full benchmark scores from a few items}},
  version = {{{__version__}}},
  year = {{2026}}
}}"""

WORKS: dict[str, str] = {
    "maiapolo2024": """\
@inproceedings{maiapolo2024tinybenchmarks,
  author = {Maia Polo, Felipe and Weber, Lucas and Choshen, Leshem and Sun, Yuekai and Xu, Gongjun
            and Yurochkin, Mikhail},
  title = {{tinyBenchmarks}: evaluating {LLMs} with fewer examples},
  booktitle = {International Conference on Machine Learning},
  year = {2024}
}""",
    "vivek2024": """\
@inproceedings{vivek2024anchor,
  author = {Vivek, Rajan and Ethayarajh, Kawin and Yang, Diyi and Kiela, Douwe},
  title = {Anchor Points: Benchmarking Models with Much Fewer Examples},
  booktitle = {Conference of the European Chapter of the Association for Computational Linguistics},
  year = {2024}
}""",
    "kipnis2025": """\
@inproceedings{kipnis2025metabench,
  author = {Kipnis, Alex and Voudouris, Konstantinos and Schulze Buschoff, Luca M. and
            Schulz, Eric},
  title = {{metabench}: A Sparse Benchmark of Reasoning and Knowledge in Large Language Models},
  booktitle = {International Conference on Learning Representations},
  year = {2025}
}""",
    "zhang2025": """\
@inproceedings{zhang2025benchmark,
  author = {Zhang, Guanhua and Dorner, Florian E. and Hardt, Moritz},
  title = {How Benchmark Prediction from Fewer Data Misses the Mark},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2025}
}""",
    "zhang2026": """\
@inproceedings{zhang2026sparseeval,
  author = {Zhang, Taolin and Guo, Hang and Lu, Wang and Dai, Tao and Xia, Shu-Tao and
            Wang, Jindong},
  title = {{SparseEval}: Efficient Evaluation of Large Language Models by Sparse Optimization},
  booktitle = {International Conference on Learning Representations},
  year = {2026}
}""",
    "ding2005": """\
@article{ding2005minimum,
  author = {Ding, Chris and Peng, Hanchuan},
  title = {Minimum Redundancy Feature Selection from Microarray Gene Expression Data},
  journal = {Journal of Bioinformatics and Computational Biology},
  volume = {3},
  number = {2},
  pages = {185--205},
  year = {2005}
}""",
    "krause2008": """\
@article{krause2008near,
  author = {Krause, Andreas and Singh, Ajit and Guestrin, Carlos},
  title = {Near-Optimal Sensor Placements in {Gaussian} Processes: Theory, Efficient Algorithms and
           Empirical Studies},
  journal = {Journal of Machine Learning Research},
  volume = {9},
  pages = {235--284},
  year = {2008}
}""",
    "cochran1977": """\
@book{cochran1977sampling,
  author = {Cochran, William G.},
  title = {Sampling Techniques},
  edition = {3rd},
  publisher = {Wiley},
  year = {1977}
}""",
    "goldberger1962": """\
@article{goldberger1962best,
  author = {Goldberger, Arthur S.},
  title = {Best Linear Unbiased Prediction in the Generalized Linear Regression Model},
  journal = {Journal of the American Statistical Association},
  volume = {57},
  number = {298},
  pages = {369--375},
  year = {1962}
}""",
    "hoerl1970": """\
@article{hoerl1970ridge,
  author = {Hoerl, Arthur E. and Kennard, Robert W.},
  title = {Ridge Regression: Biased Estimation for Nonorthogonal Problems},
  journal = {Technometrics},
  volume = {12},
  number = {1},
  pages = {55--67},
  year = {1970}
}""",
    "saunders1998": """\
@inproceedings{saunders1998ridge,
  author = {Saunders, Craig and Gammerman, Alexander and Vovk, Volodya},
  title = {Ridge Regression Learning Algorithm in Dual Variables},
  booktitle = {International Conference on Machine Learning},
  pages = {515--521},
  year = {1998}
}""",
    "rasch1960": """\
@book{rasch1960probabilistic,
  author = {Rasch, Georg},
  title = {Probabilistic Models for Some Intelligence and Attainment Tests},
  publisher = {Danmarks P{\\ae}dagogiske Institut},
  year = {1960}
}""",
    "vovk2015": """\
@article{vovk2015cross,
  author = {Vovk, Vladimir},
  title = {Cross-conformal predictors},
  journal = {Annals of Mathematics and Artificial Intelligence},
  volume = {74},
  pages = {9--28},
  year = {2015}
}""",
}

INTERVALS = ("vovk2015",)


def citations(selection: str, estimator: str) -> str:
    """Return BibTeX entries of tinyeval, a selection, an estimator and the intervals.

    A bank may name a method that is not known here, of a newer tinyeval or of somebody's own; a
    comment says so in place of its works.
    """
    from tinyeval.estimators import ESTIMATORS
    from tinyeval.selection import SELECTORS

    keys: list[str] = []
    parts = [TINYEVAL]
    for name, registry in ((selection, SELECTORS), (estimator, ESTIMATORS)):
        if name in registry:
            keys += registry[name].cites
        else:
            parts.append(f"% {ascii(name)[1:-1]} is not tinyeval's own: cite it as its authors ask")
    works = dict.fromkeys((*keys, *INTERVALS))
    return "\n\n".join([*parts, *(WORKS[key] for key in works)])
