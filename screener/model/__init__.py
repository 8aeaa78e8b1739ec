"""The network, split at `layer3`, and the one preprocessing that leads to it: frame and box in, normalised crop and logits out."""
