"""A device that computes on the processor but is as strict as a GPU about where tensors lie.

There is no GPU where these tests run.  Under :class:`OtherDevice` a tensor on ``DEVICE`` keeps its
numbers in an ordinary one; an operation that mixes it with an ordinary tensor is refused as CUDA
refuses it, and so is reading it as an array before it was moved back.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")
"""A type of device that every build of torch can name and none has to start."""

aten = torch.ops.aten
MOVES = (aten._to_copy.default, aten.copy_.default)
INDEXED = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)
"""CUDA takes indices that lie elsewhere."""


class Away(torch.Tensor):
    """A tensor on the other device."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), dtype=held.dtype, device=DEVICE
        )

    def __init__(self, held):
        self.held = held

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise RuntimeError(f"{function} outside of OtherDevice")


class OtherDevice(TorchDispatchMode):
    """While it is entered, tensors can be made on, moved to and computed on ``DEVICE``.

    Attributes:
        operations: number of operations done there.
    """

    def __init__(self):
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        there = {}
        tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, torch.Tensor)]
        away = [one for one in tensors if isinstance(one, Away)]
        if away and function not in MOVES:
            self.operations += 1
            self._check(function, args, tensors)
        to = kwargs.get("device")
        lands = (to is not None and torch.device(to).type == DEVICE.type) or (away and to is None)
        if function is aten.copy_.default:
            lands = isinstance(args[0], Away)
        if to is not None:
            kwargs["device"] = torch.device("cpu")

        def unwrap(one):
            if not isinstance(one, Away):
                return one
            there[id(one.held)] = one
            return one.held

        def wrap(one):
            if not isinstance(one, torch.Tensor) or not lands:
                return one
            return there[id(one)] if id(one) in there else Away(one)

        return tree_map(wrap, function(*tree_map(unwrap, args), **tree_map(unwrap, kwargs)))

    @staticmethod
    def _check(function, args, tensors):
        if function in INDEXED and isinstance(args[0], Away):
            tensors = [args[0], *args[2:3]]
        here = [one for one in tensors if not isinstance(one, Away) and one.dim() > 0]
        if here and any(isinstance(one, Away) for one in tensors):
            raise RuntimeError(
                f"{function}: expected all tensors to be on the same device, found some of shape "
                f"{[tuple(one.shape) for one in here]} on the processor"
            )
