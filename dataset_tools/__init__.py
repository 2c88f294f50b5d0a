"""Creates, checks and describes the patch datasets that runs train on."""
