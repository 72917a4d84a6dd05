"""The words of findings, which monitors read."""

from mexc_plugin.store.verify.findings import Degree, Fault


def test_each_word_is_the_name_that_the_documents_give_it() -> None:
    assert [str(each) for each in (*Fault, *Degree)] == [
        each.name.lower() for each in (*Fault, *Degree)
    ]
