"""PE-AV (Perception Encoder Audiovisual, Apache-2.0): sound, pictures and films beside text, through transformers."""
