"""The query layer: what is asked (`query`), read and embedded (`reading`, `embed`), ranked (`engine`)."""
