"""The network, split at `layer3`, and its only preprocessing: frame and box in, normalised crop and logits out."""
