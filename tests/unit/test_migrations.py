"""Migrations only add, so that workers of before go on while those of now take their place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from threadsworker.store import migrations

VERSIONS = Path(migrations.__file__).parent / "versions"
#: From here on the rule holds: nobody ran the versions before beside one another.
SINCE = "0005"
REMOVES = {"drop_table", "drop_column", "rename_table", "drop_table_comment"}
#: What forbids on an old table what a worker of before may write.
NARROWS = {
    "create_check_constraint",
    "create_exclude_constraint",
    "create_foreign_key",
    "create_primary_key",
    "create_unique_constraint",
}
#: What may be changed about a column without harm to who does not know.
WIDENS = {"nullable", "server_default", "comment"}


def breaches(source: str) -> list[str]:
    """What of a migration's way up a worker of before would stumble over."""
    found = []
    for call in _calls(ast.parse(source)):
        assert isinstance(call.func, ast.Attribute)
        what, given = call.func.attr, {one.arg: one.value for one in call.keywords}
        if what in REMOVES | NARROWS or (what == "alter_column" and not _widens(given)):
            found.append(what)
        elif what == "create_index" and _is(given.get("unique"), True):
            found.append("create_index(unique=True)")
        elif what == "add_column" and _demands(call):
            found.append("add_column(nullable=False) without server_default")
        elif what == "execute" and _changes_tables(call):
            found.append("execute: ALTER, DROP or RENAME")
    return found


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls of methods, those on tables that the migration itself makes and on the way down not."""
    made = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "create_table"
        and isinstance(call.args[0], ast.Constant)
    }
    way_down = {
        id(node)
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and function.name == "downgrade"
        for node in ast.walk(function)
    }
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        named = {arg.value for arg in call.args if isinstance(arg, ast.Constant)}
        if id(call) not in way_down and not named & made:
            yield call


def _widens(given: dict[str | None, ast.expr]) -> bool:
    changed = {name for name in given if name and not name.startswith("existing_")}
    return changed <= WIDENS and not _is(given.get("nullable"), False)


def _demands(call: ast.Call) -> bool:
    columns = [arg for arg in call.args if isinstance(arg, ast.Call)]
    given = {one.arg: one.value for column in columns for one in column.keywords}
    return _is(given.get("nullable"), False) and "server_default" not in given


def _changes_tables(call: ast.Call) -> bool:
    said = " ".join(
        node.value.upper()
        for node in ast.walk(call)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return any(word in said.split() for word in ("ALTER", "DROP", "RENAME", "TRUNCATE"))


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_no_migration_takes_away_what_a_worker_of_before_needs() -> None:
    found = {
        path.name: breaches(path.read_text())
        for path in sorted(VERSIONS.glob("[0-9]*.py"))
        if path.name >= SINCE
    }
    assert not any(found.values()), found


@pytest.mark.parametrize(
    "step",
    [
        "op.drop_column('job', 'pace')",
        "op.drop_table('duty')",
        "op.rename_table('duty', 'chore')",
        "op.alter_column('job', 'pace', new_column_name='gap')",
        "op.alter_column('job', 'key', nullable=False)",
        "op.alter_column('job', 'key', type_=sa.String(8))",
        "op.add_column('job', sa.Column('shine', sa.Integer(), nullable=False))",
        "op.create_index('once', 'job', ['key'], unique=True)",
        "op.create_check_constraint('fast', 'job', 'pace < 1')",
        "op.execute('ALTER TABLE threadsworker_job DROP COLUMN pace')",
        "op.execute(sa.text('DROP TABLE threadsworker_duty'))",
        "with op.batch_alter_table('job') as batch:\n        batch.drop_column('pace')",
    ],
)
def test_the_rule_notices(step: str) -> None:
    assert breaches(f"def upgrade() -> None:\n    {step}\n")


@pytest.mark.parametrize(
    "step",
    [
        "op.add_column('job', sa.Column('shine', sa.Integer(), nullable=True))",
        "op.add_column('job', sa.Column('a', sa.Integer(), nullable=False, server_default='0'))",
        "op.create_index('often', 'job', ['key'])",
        "op.drop_index('job_newest', table_name='job')",
        "op.alter_column('job', 'key', nullable=True, existing_type=sa.String())",
        "op.create_table('star')\n    op.create_index('one', 'star', ['a'], unique=True)",
        "op.execute('UPDATE threadsworker_job SET pace = 0')",
        "pass\n\ndef downgrade() -> None:\n    op.drop_table('duty')",
    ],
)
def test_the_rule_lets_pass(step: str) -> None:
    assert breaches(f"def upgrade() -> None:\n    {step}\n") == []


def test_the_names_of_migrations_tell_their_order() -> None:
    """By them a process knows, without Alembic, which versions there are."""
    scripts = ScriptDirectory(str(VERSIONS.parent))
    walked = [one.revision for one in scripts.walk_revisions()]
    assert walked[::-1] == [path.name[:4] for path in sorted(VERSIONS.glob("0*.py"))]
