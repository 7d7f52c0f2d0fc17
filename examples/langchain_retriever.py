"""Anyseek as the retriever of a LangChain pipeline: python examples/langchain_retriever.py FOLDER QUESTION

Needs `pip install "anyseek[langchain]"`. The pipeline ends with the prompt that a chat model would get; append yours
with `| model`.
"""

from __future__ import annotations

import sys

from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough

from anyseek.adapters.langchain import AnyseekRetriever

PROMPT = ChatPromptTemplate.from_template(
    "Answer from these files alone, and name those that you used.\n\n{files}\n\nQuestion: {question}"
)


def described(documents: list[Document]) -> str:
    """One line a file: its path, then its passage, its caption or its name."""
    return "\n".join(f"- {document.metadata['path']}: {document.page_content}" for document in documents)


def main(folder: str, question: str) -> None:
    """Print the prompt for a question over a folder that is indexed."""
    retriever = AnyseekRetriever(index=folder, k=3, to="text")
    pipeline = {"files": retriever | described, "question": RunnablePassthrough()} | PROMPT
    print(pipeline.invoke(question).to_string())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
