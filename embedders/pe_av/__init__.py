"""PE-AV (Perception Encoder Audiovisual, Apache-2.0): sound, pictures and videos beside text, through transformers."""
