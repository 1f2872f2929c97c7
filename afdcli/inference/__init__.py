"""From batches of views to answers, in torch or OpenVINO."""
