"""The classifier's input: resized and cropped pixels, and the block grid aligned with them."""

from afdcli.view.build import build_view
from afdcli.view.maps import dct_angle_map, step_map
from afdcli.view.spec import View, ViewSpec, spec_from_data_config

__all__ = ["View", "ViewSpec", "build_view", "dct_angle_map", "spec_from_data_config", "step_map"]
