"""How the model `mini` is made; not part of the wheel."""
