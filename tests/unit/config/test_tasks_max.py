import pytest

from isthmus.config.tasks_max import TooManyTasksError, check_tasks_max, tasks_max


@pytest.mark.parametrize(("text", "limit"), [(None, 1), ("3", 3), (" 2", 2), ("+4", 4)])
def test_the_limit_is_one_task_unless_it_is_given(text: str | None, limit: int) -> None:
    assert tasks_max({"tasks.max": text}) == limit


def test_more_tasks_than_the_limit_are_refused_with_both_numbers() -> None:
    with pytest.raises(
        TooManyTasksError, match="The connector c has generated 3 tasks, which is greater than 2,"
    ):
        check_tasks_max("c", {}, tasks=3, limit=2)


def test_more_tasks_are_let_pass_where_the_limit_is_not_enforced() -> None:
    check_tasks_max("c", {"tasks.max.enforce": "false"}, tasks=3, limit=2)


def test_as_many_tasks_as_the_limit_are_fine() -> None:
    check_tasks_max("c", {}, tasks=2, limit=2)
