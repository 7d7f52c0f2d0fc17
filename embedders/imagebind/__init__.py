"""ImageBind (Girdhar et al. 2023): six towers, seven modalities, one space of 1,024 dimensions; our own implementation.

`card.entry` is for the registry. For the model without an index: `checkpoint.load` gives towers, `files` prepares
single files exactly as the model was evaluated.
"""
