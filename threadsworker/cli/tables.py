"""Reports as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from threadsworker import report
from threadsworker.cli.moments import shown
from threadsworker.plan import options_of
from threadsworker.post import TEXT_LIMIT, Segment
from threadsworker.text import measure
from threadsworker.when import zone_of

_COLOURS = {
    "published": "green",
    "verified": "green",
    "delivered": "green",
    "failed": "red",
    "needs_review": "red",
    "missed": "red",
    "cancelled": "dim",
    "waiting": "yellow",
    "in_doubt": "yellow",
}


def console() -> Console:
    """For results: stdout. Not wider than it is, and plain where it is no terminal."""
    # Brackets and colons are what somebody wrote, no markup.
    return Console(highlight=False, soft_wrap=False, markup=False, emoji=False)


def coloured(state: str) -> Text:
    """A state in its colour."""
    return Text(state, style=_COLOURS.get(state, ""))


def plan_table(planned: Sequence[Segment]) -> None:
    """Each segment with its measure."""
    table = Table(box=box.SIMPLE)
    for column in ("segment", "characters", "text", "media", "options"):
        table.add_column(column, overflow="fold")
    for segment in planned:
        table.add_row(
            str(segment.index + 1),
            f"{measure(segment.text)}/{TEXT_LIMIT}",
            Text(head(segment.text)),
            ", ".join(item.kind for item in segment.media),
            Text("\n".join(options(segment.text, options_of(segment)))),
        )
    console().print(table)


def plan_json(planned: Sequence[Segment]) -> list[dict[str, Any]]:
    """The segments as JSON, each with its measure; only what is set."""
    return [
        {
            "index": segment.index,
            "characters": measure(segment.text),
            "text": segment.text,
            **({"media": [asdict(item) for item in segment.media]} if segment.media else {}),
            "spoilers": [],
            **options_of(segment),
        }
        for segment in planned
    ]


def options(text: str, given: Mapping[str, Any]) -> list[str]:
    """What is set of a segment besides text and media, an option a line."""
    return [f"{name.replace('_', ' ')}: {_option(text, name, given[name])}" for name in given]


def _option(text: str, name: str, value: Any) -> str:
    match name:
        case "poll":
            return " | ".join(value["options"])
        case "gif":
            return f"{value['gif_id']} of {value['provider']}"
        case "text_attachment":
            link = f", {value['link']}" if value["link"] else ""
            return f"{head(value['plaintext'])} ({len(value['plaintext'])} characters{link})"
        case "spoilers":
            parts = [text[one["offset"] : one["offset"] + one["length"]] for one in value]
            return " | ".join(head(part) for part in parts)
        case "countries":
            return ", ".join(value)
        case _:
            return "yes" if value is True else str(value)


def jobs_table(found: Sequence[report.JobSummary]) -> None:
    table = Table(box=box.SIMPLE)
    for column in ("job", "account", "state", "reason", "run", "created"):
        table.add_column(column, no_wrap=column == "job", overflow="fold")
    for job in found:
        reason = job.reason or (job.error.code if job.error and job.state == "failed" else "")
        created = job.created_at.strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(job.id, job.account, coloured(job.state), reason, str(job.run), created)
    console().print(table)


def import_table(rows: Sequence[dict[str, Any]]) -> None:
    """Each row of an import: its job, and when that goes out."""
    table = Table(box=box.SIMPLE)
    for column in ("row", "job", "account", "state", "scheduled", "segments", ""):
        table.add_column(column, no_wrap=column == "job", overflow="fold")
    for row in rows:
        at = row["scheduled_at"]
        table.add_row(
            str(row["row"]),
            row["id"] or "-",
            row["account"],
            coloured(row["state"]),
            shown(datetime.fromisoformat(at), row["timezone"]) if at else "now",
            str(row["segments"]),
            "new" if row["new"] else "was there",
        )
    console().print(table)


def accounts_table(found: Sequence[report.Account]) -> None:
    table = Table(box=box.SIMPLE)
    for column in ("account", "user id", "status", "staging repository", "token expires"):
        table.add_column(column, overflow="fold")
    for account in found:
        expires = account.token_expires_at
        table.add_row(
            account.name,
            account.user_id,
            account.status,
            account.github_repo or "",
            expires.strftime("%Y-%m-%d") if expires else "",
        )
    console().print(table)


def schedules_table(found: Sequence[report.Schedule]) -> None:
    table = Table(box=box.SIMPLE)
    for column in ("schedule", "account", "recurs", "next", "made", "posts"):
        table.add_column(column, overflow="fold")
    for one in found:
        made = str(one.made) if one.count is None else f"{one.made} of {one.count}"
        posts = str(len(one.posts))
        table.add_row(one.name, one.account, recurs(one), next_of(one), made, posts)
    console().print(table)


def schedule_detail(schedule: report.Schedule) -> None:
    """A schedule with the texts of its posts."""
    out = console()
    schedules_table([schedule])
    ends = f", until {local(schedule.ends_at, schedule)}" if schedule.ends_at else ""
    out.print(f"from {local(schedule.starts_at, schedule)}{ends}")
    out.print(f"late posts: {schedule.late}  order: {schedule.order}  jitter: {schedule.jitter} s")
    for number, texts in enumerate(schedule.posts, 1):
        out.rule(f"post {number} of {len(schedule.posts)}", align="left")
        for text in texts:
            out.print(Text(text or "(no text)"))


def subscriptions_table(found: Sequence[report.Subscription]) -> None:
    table = Table(box=box.SIMPLE)
    for column in ("subscription", "target", "account", "events", "state"):
        table.add_column(column, overflow="fold", no_wrap=column == "subscription")
    for one in found:
        state = one.state if one.reason in (None, "paused") else f"{one.state}: {one.reason}"
        events = ", ".join(one.events) or "all"
        table.add_row(one.id, Text(one.target), one.account or "all", events, state)
    console().print(table)


def deliveries_table(found: Sequence[report.Delivery]) -> None:
    table = Table(box=box.SIMPLE)
    for column in ("delivery", "event", "target", "state", "tries", "last"):
        table.add_column(column, overflow="fold")
    for one in found:
        last = one.last_error or (str(one.last_status) if one.last_status else "")
        state = coloured(one.state)
        table.add_row(one.id, one.event, Text(one.target), state, str(one.tries), Text(last))
    console().print(table)


def recurs(schedule: report.Schedule) -> str:
    """When, as it was given."""
    if schedule.every is not None:
        return f"every {timedelta(seconds=schedule.every)}"
    return schedule.cron or ""


def next_of(schedule: report.Schedule) -> str:
    """Its next occurrence, in its zone; or why there is none."""
    if schedule.paused_at is not None:
        return "paused"
    if schedule.next_at is None:
        return "over"
    return f"next {local(schedule.next_at, schedule)}"


def local(moment: datetime, schedule: report.Schedule) -> str:
    """The moment as clocks in the schedule's zone show it, and the zone."""
    shown = moment.astimezone(zone_of(schedule.timezone)).isoformat(" ", "seconds")
    return f"{shown} {schedule.timezone}"


def job_detail(job: report.Job) -> None:
    """A job with its whole thread and its events."""
    out = console()
    out.print(f"job {job.id}  account {job.account}  run {job.run}  ", coloured(job.state))
    if job.reason:
        out.print(f"waits for: {job.reason}")
    if job.error:
        out.print(Text(f"{job.error.message} [{job.error.code}]", style="red"))
        out.print(Text(job.error.advice))
    thread(job, out)
    table = Table(box=box.SIMPLE)
    for column in ("time", "run", "segment", "event", ""):
        table.add_column(column, overflow="fold")
    for event in job.events:
        data = ", ".join(f"{name} {value}" for name, value in event.data.items())
        number = "" if event.segment is None else str(event.segment + 1)
        at = event.at.strftime("%H:%M:%S.%f")[:-3]
        table.add_row(at, str(event.run), number, event.what, Text(data))
    out.print(table)


def thread(job: report.Job, out: Console) -> None:
    """Each segment: text, media, media id, permalink, what it replies to."""
    for segment in job.segments:
        out.rule(
            f"segment {segment.index + 1} of {len(job.segments)}: {segment.state}", align="left"
        )
        if segment.text:
            out.print(Text(segment.text))
        for item in segment.media:
            source = item.url or f"sha256 {(item.sha256 or '')[:12]}"
            out.print(Text(f"  {item.kind}  {item.alt_text or '(no alt text)'}  {source}"))
        for line in options(segment.text, segment.options):
            out.print(Text(f"  {line}"))
        unnamed = "the segment before" if segment.index else "nothing, it is the root"
        parent = segment.reply_to or unnamed
        out.print(Text(f"  media id {segment.media_id or '-'}  replies to {parent}", style="cyan"))
        out.print(Text(f"  {segment.permalink or '-'}", style="cyan"))
        if segment.deleted_at is not None:
            out.print(Text(f"  deleted {segment.deleted_at:%Y-%m-%d %H:%M:%S} UTC", style="dim"))
        if _not_shared(job, segment.index):
            out.print(Text("  Meta could not share it to Instagram", style="yellow"))


def _not_shared(job: report.Job, index: int) -> bool:
    """Whether the last that Meta said of sharing the segment to Instagram is that it failed."""
    of_segment = [one for one in job.events if one.segment == index]
    told = [one.data.get("status") for one in of_segment if one.what == "instagram_share"]
    return told[-1:] == ["FAILED"]


def head(text: str, width: int = 48) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
