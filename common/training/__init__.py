"""What both networks are trained with."""
