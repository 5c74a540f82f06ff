"""
The pipeline: one module per step, and the only place where the store and the APIs meet.

`take` claims a job, runs a step and turns its outcome into rows. The steps, in order:
`upload`, `create_containers`, `poll_status`, `publish`, `reply_chain`, `cleanup`.
"""
