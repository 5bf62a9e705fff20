"""The models of the digits dump: kinds of classifiers, each under several conditions of training.

A condition says how much of the pool a model learns from, how many of the ten digits it meets,
how many labels are wrong, what it sees of an image, and whether it drills on damaged copies.
Conditions are drawn from the seed that belongs to the learner's name, training sets from the
seed that belongs to the model's, so that a model can be remade alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from item_banks.digits_dump.images import DAMAGES, Images, Labels, damage, pool_and_items, seeded

REPEATS, COPIES = 7, 9

VIEWS: dict[str, Callable[[NDArray], NDArray]] = {
    "full": lambda x: x,
    "binary": lambda x: (x >= 0.5).astype(float),
    "blurred": lambda x: ndimage.gaussian_filter(x, (0, 1, 1)),
    "coarse": lambda x: x.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)),
    "edges": lambda x: np.abs(np.diff(x, axis=2)),
    "left": lambda x: x[:, :, :4],
    "sums": lambda x: np.concatenate([x.sum(axis=1), x.sum(axis=2)], axis=1) / 8,
    "top": lambda x: x[:, :4],
}
"""What a model sees of an image: (images, 8, 8) in [0, 1] -> (images, ...)."""


def knn(k: int) -> KNeighborsClassifier:
    """Return k-nearest neighbours, by a tree since brute force breaks ties by thread."""
    return KNeighborsClassifier(k, algorithm="kd_tree")


def mlp(width: int, epochs: int) -> MLPClassifier:
    """Return a network of one hidden layer, undertrained where the epochs are few."""
    return MLPClassifier((width,), max_iter=epochs, learning_rate_init=0.01)


PCA8 = PCA(8, svd_solver="full")
LEARNERS: dict[str, BaseEstimator] = {
    **{f"logistic-C{c}": LogisticRegression(C=c, max_iter=60) for c in (0.01, 1, 100)},
    **{f"ridge-a{a}": RidgeClassifier(alpha=a) for a in (1, 1000)},
    "sgd-hinge-e1": SGDClassifier(max_iter=1),
    "sgd-log-e3": SGDClassifier(loss="log_loss", max_iter=3),
    "perceptron-e5": Perceptron(max_iter=5),
    **{f"svm-linear-C{c}": SVC(kernel="linear", C=c) for c in (0.01, 1)},
    **{f"svm-rbf-C{c}": SVC(C=c) for c in (1, 10)},
    "svm-rbf-g1": SVC(gamma=1.0),
    **{f"svm-poly{d}": SVC(kernel="poly", degree=d) for d in (2, 4)},
    "svm-sigmoid": SVC(kernel="sigmoid"),
    **{f"knn-k{k}": knn(k) for k in (1, 3, 9)},
    "knn-k5-cosine": make_pipeline(Normalizer(), knn(5)),
    "knn-k3-pca8": make_pipeline(PCA8, knn(3)),
    "centroid": NearestCentroid(),
    "bayes-gaussian": GaussianNB(var_smoothing=0.01),
    "bayes-multinomial": MultinomialNB(),
    "bayes-complement": ComplementNB(),
    "bayes-bernoulli": BernoulliNB(binarize=0.4),
    **{f"tree-d{d}": DecisionTreeClassifier(max_depth=d) for d in (2, 4, 7, 99)},
    **{f"forest-t{n}": RandomForestClassifier(n) for n in (3, 10, 100)},
    **{f"extra-t{n}": ExtraTreesClassifier(n) for n in (1, 10, 100)},
    **{
        f"boosting-t{n}": GradientBoostingClassifier(n_estimators=n, max_depth=2, max_features=16)
        for n in (2, 15)
    },
    "adaboost-t30": AdaBoostClassifier(n_estimators=30),
    **{
        f"mlp-h{width}-e{epochs}": mlp(width, epochs)
        for width, epochs in ((4, 100), (16, 100), (64, 100), (64, 5), (256, 40))
    },
    "lda-shrunk": LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3),
    "qda-pca8": make_pipeline(PCA8, QuadraticDiscriminantAnalysis(reg_param=0.1)),
    "dummy-majority": DummyClassifier(),
    "dummy-uniform": DummyClassifier(strategy="uniform"),
}
"""Name, as the ids of its models begin -> what it is, not yet trained."""

SIZES = (20, 40, 80, 160, 320, 640, 640, 897, 897, 897)
LEAST = {"qda-pca8": 320}
"""Learners that need so many images at least."""


@dataclass(frozen=True)
class Model:
    """A learner and the condition it is trained under.

    Attributes:
        learner: key of ``LEARNERS``.
        train_size: number of images of the pool it is given.
        classes: number of digits that those images show.
        noise: share of their labels replaced by one of those digits at random.
        view: key of ``VIEWS``.
        drill: damage that ``COPIES`` further copies of each training image have, each time at a
            random strength: ``none``, ``all`` (a random one each), or a key of ``DAMAGES``.
        repeat: a number that tells equal settings apart.
    """

    learner: str
    train_size: int
    classes: int = 10
    noise: float = 0.0
    view: str = "full"
    drill: str = "none"
    repeat: int = 0

    @property
    def name(self) -> str:
        """The id, which says everything, e.g. ``svm-rbf-C10-n400-noise0.1-s3``."""
        parts = [self.learner, f"n{self.train_size}"]
        parts += [f"classes{self.classes}"] if self.classes < 10 else []
        parts += [f"noise{self.noise}"] if self.noise else []
        parts += [f"see_{self.view}"] if self.view != "full" else []
        parts += [f"drill_{self.drill}"] if self.drill != "none" else []
        return "-".join([*parts, f"s{self.repeat}"])

    def training_set(self) -> tuple[Images, Labels]:
        """Draw the images and labels that this model learns from."""
        images, labels, _ = pool_and_items()
        rng = seeded(self.name)
        seen = rng.permutation(10)[: self.classes]
        candidates = rng.permutation(np.flatnonzero(np.isin(labels, seen)))
        chosen = candidates[: self.train_size]
        images, labels = images[chosen], labels[chosen].copy()
        wrong = rng.random(len(labels)) < self.noise
        labels[wrong] = rng.choice(seen, wrong.sum())
        if self.drill != "none":
            kinds = list(DAMAGES) if self.drill == "all" else [self.drill]
            copies = [
                damage(image, str(rng.choice(kinds)), int(rng.integers(1, 5)), rng)
                for image in np.repeat(images, COPIES, axis=0)
            ]
            images = np.concatenate([images, copies])
            labels = np.concatenate([labels, np.repeat(labels, COPIES)])
        return images, labels

    def train(self) -> Callable[[Images], Labels]:
        """Return the trained model: a function from images to the digits it reads."""
        images, labels = self.training_set()
        classifier = clone(LEARNERS[self.learner])
        if "random_state" in classifier.get_params():
            classifier.set_params(random_state=crc32(self.name.encode()))
        view = VIEWS[self.view]

        def features(images: Images) -> NDArray[np.float64]:
            return view(images / 16.0).reshape(len(images), -1)

        with warnings.catch_warnings():
            # Undertrained models and pixels without ink are meant to be there.
            warnings.simplefilter("ignore", UserWarning)
            classifier.fit(features(images), labels)
        return lambda images: np.asarray(classifier.predict(features(images)), dtype=np.intp)


def zoo() -> tuple[Model, ...]:
    """Return the models: every learner under ``REPEATS`` conditions, drawn by its name."""
    models = []
    for learner in LEARNERS:
        rng = seeded(learner)
        sizes = [n for n in SIZES if n >= LEAST.get(learner, 0)]
        for repeat in range(REPEATS):
            classes = int(rng.choice([10] * 15 + [7, 5, 3]))
            # The pool holds some 90 images of a digit, and a name must not promise more.
            most = len(pool_and_items()[1]) if classes == 10 else 75 * classes
            models.append(
                Model(
                    learner,
                    train_size=min(int(rng.choice(sizes)), most),
                    classes=classes,
                    noise=float(rng.choice([0.0] * 12 + [0.1, 0.2, 0.4])),
                    view=str(rng.choice(["full"] * 16 + sorted(VIEWS))),
                    drill=str(rng.choice(["none"] * 4 + ["all"] * 10 + sorted(DAMAGES))),
                    repeat=repeat,
                )
            )
    return tuple(models)
