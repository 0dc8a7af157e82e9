from hypothesis import given
from hypothesis import strategies as st

from isthmus.api.columnar import Structs
from isthmus.api.java_text import java_text, java_texts
from isthmus.api.schema import INT64, OPTIONAL_STRING, STRING, struct_schema
from isthmus.api.struct import Struct

ROW = struct_schema(("100%s", STRING), ("n", INT64), ("o", OPTIONAL_STRING))


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


@given(
    st.lists(
        st.tuples(
            st.text(), st.one_of(st.integers(), st.booleans()), st.one_of(st.none(), st.text())
        ).map(list)
    )
)
def test_a_column_of_structs_has_the_texts_that_each_has_alone(rows: list[list[object]]) -> None:
    values = [Struct.from_values(ROW, row) for row in rows]
    columns = Structs(ROW, list(zip(*rows, strict=True)) or [(), (), ()])

    expected = [java_text(value, ROW) for value in values]
    assert java_texts(columns, ROW) == java_texts(values, ROW) == expected
