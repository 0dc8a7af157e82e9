from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.java_text import java_text, java_texts


@given(
    st.lists(
        st.dictionaries(
            st.one_of(st.text(), st.integers()),
            st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.floats()),
            max_size=4,
        )
    )
)
def test_many_maps_have_the_texts_that_each_has_alone(values: list[dict[object, object]]) -> None:
    assert java_texts(values) == [java_text(value) for value in values]
