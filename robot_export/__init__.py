"""Every deployable form of a trained model; each is proven equal to it."""
