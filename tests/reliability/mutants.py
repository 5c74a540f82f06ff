"""
Shortcuts that double, lose or misplace posts, or lose an account, as patches to the code, and the
tests that see it.

A reliability test that no shortcut fails proves nothing. Each of these was a temptation.
"""

from __future__ import annotations

from dataclasses import dataclass

QUOTAS = "tests/reliability/test_quotas.py::test_"
DOUBT = "tests/reliability/test_doubt.py::test_"
REVIEW = "tests/reliability/test_reviews.py::test_"
STORE = "tests/integration/test_store.py::test_"
LOOKS = "tests/reliability/test_looks.py::test_"
HTTP = "tests/integration/test_http.py"
REFRESH = "tests/reliability/test_refresh.py::test_"
RESTORED = "tests/reliability/test_restored.py::test_"
RENEW = "tests/reliability/test_refresh_crashes.py::test_"
TOKENS = "threadsworker/store/tokens.py"
PUBLISH = "threadsworker/steps/publish.py"
SEND = "threadsworker/steps/send.py"
TAKE = "threadsworker/steps/take.py"
PROMPT = "threadsworker/store/prompt.py"
SETTLE = "threadsworker/steps/settle.py"
CONTAINERS = "threadsworker/store/containers.py"


@dataclass(frozen=True)
class Mutant:
    """In `file`, `right` becomes `wrong`; then `test` must fail."""

    name: str
    file: str
    right: str
    wrong: str
    test: str
    #: The same once more, where two walls stand behind each other: file, right, wrong.
    also: tuple[str, str, str] | None = None


MUTANTS = [
    Mutant(
        "no intent",
        SEND,
        "    prompt.authorise(\n",
        "    (lambda *a, **k: None)(\n",
        DOUBT + "an_attempt_is_written_down_before_it_is_sent",
    ),
    Mutant(
        "intent after the send",
        PUBLISH,
        "    wait = write_attempt(session, claim, looked.work, attempt_id)\n",
        "    assert looked.work.container is not None\n"
        "    desk.threads(looked.work.account)"
        ".publish_container(looked.work.container.threads_id)\n"
        "    wait = write_attempt(session, claim, looked.work, attempt_id)\n",
        DOUBT + "an_attempt_is_written_down_before_it_is_sent",
    ),
    Mutant(
        "a new container where Meta does not know the old one",
        SETTLE,
        "        return unknown(desk, since=last_sent)\n",
        '        return bury(desk, claim, container, death="NOT_FOUND", dead=True)\n',
        DOUBT + "a_container_that_meta_no_longer_knows_is_no_proof_of_anything",
    ),
    Mutant(
        "a new container for any refusal",
        SEND,
        "    if is_in_doubt(desk, work):\n        # This",
        "    if False:\n        # This",
        DOUBT + "a_refusal_of_a_second_send_proves_nothing_about_the_first",
        also=(CONTAINERS, "    if not dead and any(", "    if False and any("),
    ),
    Mutant(
        "the HTTP library repeats",
        "threadsworker/connections.py",
        "max_retries=Retry(0, read=False, redirect=False)",
        "max_retries=Retry(2, allowed_methods=None)",
        HTTP,
    ),
    Mutant(
        "a second live container",
        "threadsworker/store/migrations/versions/0001_the_first_schema.py",
        '            ["segment_id", "item"],\n            unique=True,',
        '            ["segment_id", "item"],\n            unique=False,',
        STORE + "a_segment_has_one_live_container",
    ),
    Mutant(
        "a container is given up without the claim",
        CONTAINERS,
        "    jobs.check(session, claim)\n    if not dead",
        "    if not dead",
        STORE + "a_stale_worker_cannot_give_a_container_up",
    ),
    Mutant(
        "the newest post of the listing is ours",
        SETTLE,
        "    if len(found) == 1 and not twin:\n",
        "    if found:\n",
        REVIEW + "a_twin_posted_by_hand_is_never_taken_for_ours",
    ),
    Mutant(
        "files are taken away before Meta has fetched them",
        "threadsworker/steps/upload.py",
        "    placed = staging.stage(claim.job_id, files)\n",
        "    placed = staging.stage(claim.job_id, files)\n    staging.unstage(claim.job_id)\n",
        "tests/reliability/test_fault_matrix.py::test_undisturbed_a_thread_is_live_at_once",
    ),
    Mutant(
        "an attempt takes nothing from its quota",
        PROMPT,
        '            kind=given("kind"),\n            attempt_id=',
        '            kind="none",\n            attempt_id=',
        STORE + "an_attempt_is_on_record_with_its_quota_and_is_settled_once",
    ),
    Mutant(
        "unanswered sends take nothing from the quota",
        "threadsworker/store/quota.py",
        "col(AttemptRow.state).not_in(list(HARMLESS))",
        'col(AttemptRow.state).not_in([*HARMLESS, "unknown", "open"])',
        QUOTAS + "an_unanswered_send_takes_from_the_quota",
    ),
    Mutant(
        "two threads share the same room",
        "threadsworker/steps/quota.py",
        "    quota.reserve(session, claim, now=now)\n",
        "    session.flush()\n",
        QUOTAS + "two_threads_do_not_share_the_same_room",
    ),
    Mutant(
        "a post is changed although it may be live",
        "threadsworker/store/segments.py",
        "    return or_(\n        exists().where(of_job, col(SegmentRow.state).in_(out)),\n",
        "    return and_(\n        exists().where(of_job, col(SegmentRow.state).in_(out)),\n",
        "tests/reliability/test_scheduling.py::test_what_may_be_live_is_not_changed_any_more",
    ),
    Mutant(
        "the thread goes on below a detached reply",
        "threadsworker/steps/read_back.py",
        "    if row.reply_to is not None and",
        "    if row.reply_to is None and",
        REVIEW + "a_reply_in_the_wrong_place_stops_the_thread",
    ),
    Mutant(
        "a segment goes out below one that was not read back",
        PUBLISH,
        "        and not work.is_below_unseen\n",
        "",
        REVIEW + "nothing_goes_out_below_what_was_not_seen",
        also=(PUBLISH, "    return unseen_above(desk, api, work) or ", "    return "),
    ),
    Mutant(
        "long waits in the broker",
        "threadsworker/steps/outcomes.py",
        "    return delay > desk.settings.max_countdown\n",
        "    return delay > desk.settings.max_countdown * 1000\n",
        "tests/reliability/test_scheduling.py::"
        "test_a_scheduled_post_is_prepared_ahead_and_published_on_the_second",
    ),
    Mutant(
        "no quiet period",
        SETTLE,
        "    quiet_until = last_sent + desk.settings.quiet_period\n",
        "    quiet_until = last_sent\n",
        DOUBT + "a_publish_that_did_not_happen_is_repeated_after_the_quiet_period",
    ),
    Mutant(
        "the status is not read before the publish",
        PUBLISH,
        "        status = api.container_status(container.threads_id).status\n",
        "        status = StatusCode.FINISHED\n",
        DOUBT + "a_database_that_forgot_a_publish_is_reminded_by_the_container",
        also=(
            PUBLISH,
            "        outcome = observe(desk, claim, api, work.container)\n",
            "        outcome = Done()\n",
        ),
    ),
    Mutant(
        "a stale worker's facts are thrown away",
        "threadsworker/store/segments.py",
        "            col(SegmentRow.media_id).is_(None),\n",
        "            col(SegmentRow.media_id).is_not(None),\n",
        STORE + "a_stale_worker_decides_nothing_but_its_facts_are_kept",
    ),
    Mutant(
        "a lost answer fails the job",
        PUBLISH,
        "    if isinstance(outcome, Failed):\n        pause = patience",
        "    if False:\n        pause = patience",
        DOUBT + "a_refused_question_while_in_doubt_fails_nothing",
    ),
    Mutant(
        "the old token is gone before the new one has answered",
        TOKENS,
        "    previous = None if same else held.access_token\n",
        "    previous = None\n",
        REFRESH + "a_new_token_that_does_not_work_is_given_back_for_the_old_one",
    ),
    Mutant(
        "a late refresh replaces a newer token",
        TOKENS,
        "        col(AccountRow.token_version) == held.token_version\n",
        "        col(AccountRow.token_version) >= held.token_version\n",
        "tests/reliability/test_refresh_crashes.py::"
        "test_a_token_that_a_person_brings_is_not_replaced_by_a_late_refresh",
    ),
    Mutant(
        "two workers refresh at once",
        TOKENS,
        "    free = or_(until.is_(None), until <= now)\n",
        "    free = or_(until.is_(None), until.is_not(None))\n",
        RENEW + "two_workers_at_once_send_one_refresh",
    ),
    Mutant(
        "what a restored backup knows of a container is taken for all there is",
        CONTAINERS,
        "        conditions.append(col(ContainerRow.restored_at).is_(None))\n",
        "        pass\n",
        RESTORED + "a_container_of_before_is_given_up_only_when_meta_says_that_it_is_dead",
        also=(
            SEND,
            "(container.published_at or container.restored_at)",
            "container.published_at",
        ),
    ),
    Mutant(
        "what a restored backup has no container of is taken for unsent",
        "threadsworker/steps/create_containers.py",
        "    if outcome := _over_budget(work, work.made) or audit(desk, api, work):\n",
        "    if outcome := _over_budget(work, work.made):\n",
        RESTORED + "a_thread_that_went_out_in_the_lost_time_is_not_posted_again",
        also=(
            PUBLISH,
            "_not_yet(desk, work) or audit(desk, api, work)",
            "_not_yet(desk, work)",
        ),
    ),
    Mutant(
        "a container of a restored backup is sent again without a look at the posts",
        PUBLISH,
        "_not_yet(desk, work) or audit(desk, api, work)",
        "_not_yet(desk, work)",
        RESTORED + "a_refusal_proves_nothing_about_what_the_backup_has_forgotten",
    ),
    Mutant(
        "a worker of before the restore goes on",
        "threadsworker/store/generations.py",
        "    _fence(session, now=now)\n",
        "",
        RESTORED + "a_worker_of_before_decides_nothing_more",
    ),
    Mutant(
        "occurrences that a backup has forgotten are made again",
        "threadsworker/store/generations.py",
        "    passed = _pass_over(session, until=now)\n",
        "    passed: list[PassedOver] = []\n",
        RESTORED + "occurrences_of_the_lost_time_are_passed_over_and_told",
    ),
    Mutant(
        "what was given up while it was looked at is published",
        PROMPT,
        "            col(ContainerRow.live).is_(True),\n",
        "",
        LOOKS + "a_container_that_is_given_up_meanwhile_is_not_published",
    ),
    Mutant(
        "what Meta says of one token is held against the next",
        TAKE,
        "    return replace(claim, token_version=seen.token_version)\n",
        "    return claim\n",
        LOOKS + "a_token_that_is_rejected_while_another_is_given_disconnects_nobody",
    ),
]
