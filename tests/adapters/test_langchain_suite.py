"""LangChain's own standard suites over our retriever and vector store, with the built-in model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain_tests")

from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests, VectorStoreIntegrationTests

from anyseek.adapters.langchain import AnyseekRetriever, AnyseekVectorStore

pytestmark = pytest.mark.filterwarnings("ignore")  # of the suite's own


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def library(self, media: Path) -> None:
        self._media = media

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return AnyseekRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"index": str(self._media)}

    @property
    def retriever_query_example(self) -> str:
        return "red"


class TestVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:  # type: ignore[override]
        store = AnyseekVectorStore(tmp_path / "notes", model="words")
        yield store
        store.close()
