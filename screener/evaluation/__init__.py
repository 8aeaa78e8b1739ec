"""How good scores are: the field's figures, and what calibration and thresholds follow from them."""
