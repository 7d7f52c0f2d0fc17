"""The query layer: queries (`query`), read (`query_reader`) and embedded (`embedding`), then ranked (`engine`)."""
