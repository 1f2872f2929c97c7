"""Geometry of the classifier's input: pixels and, in register with them, the block grid."""

from afdcli.view.build import build_view
from afdcli.view.maps import dct_angle_map, step_map
from afdcli.view.spec import View, ViewSpec, spec_from_data_config

__all__ = ["View", "ViewSpec", "build_view", "dct_angle_map", "spec_from_data_config", "step_map"]
