"""Small plans for stories in the simulated centers: the metro center takes over from a lost one, and a way back."""

HEAD = """
version: 1
name: {zh: 演练, en: Drill}
summary: {zh: 演练, en: A drill}
owner: {unit: {zh: 运维, en: Operations}}
last_editor: zhao-lei
from: production
to: metro
drills: [rehearsal, switchover, real]
rules: [{rule: never-two-writers}, {rule: never-empty-entry}, {rule: lag-within-rpo}]
roles:
  commander: {name: {zh: 总指挥, en: Commander}, people: [wang-jianhua]}
  operator: {name: {zh: 操作员, en: Operator}, people: [chen-zhiyuan]}
  approver: {name: {zh: 审批人, en: Approver}, people: [sun-guoqing]}
approvals: [{role: approver, valid: 24h}]
abort:
  - {when: outage-over, limit: 2h}
  - {when: meters-silent, limit: 10s}
  - {when: old-writer-acks}
"""

#: The center of the writer is gone. Its synchronous copy acknowledges nothing more to it, which fences it; a person
#: gives their word for what a machine without power cannot answer.
UNPLANNED = f"""plan: lost-production
{HEAD}
class: lost-center
mode: ungraceful
lost: [production]
objectives: {{rto: 5m, rpo: 0s}}
gates: [{{gate: lag-within-rpo, give: {{limit: 5s}}}}]
soak: {{watch: 4s, confirm_within: 60s, otherwise: pause, role: commander}}
steps:
  fence:
    kind: fence
    name: {{zh: 隔离, en: Fence}}
    do: [{{action: pg-stop-receiving, on: to.database}}]
    verify: [{{action: pg-refused-write, on: to.database, give: {{target: $from.database, hung_is_refused: true}}}}]
    ask: {{zh: 原主库确已断电？, en: Is the old writer without power?}}
    role: commander
    undo: {{act: {{action: pg-receive-again, on: to.database}}}}
    urgent: true
    identity: true
    timeout: 3s
    estimate: 1s
  clear-sync:
    kind: prepare
    name: {{zh: 清除同步, en: Clear sync}}
    needs: fence
    do: [{{action: pg-set-sync, on: to.database, give: {{standbys: []}}}}]
    verify: [{{action: pg-state, on: to.database}}]
    undo: {{none: {{zh: 无, en: it rests while it is a copy}}}}
    urgent: true
    timeout: 5s
    estimate: 1s
  promote:
    kind: promote
    name: {{zh: 提升, en: Promote}}
    needs: clear-sync
    do: [{{action: pg-promote, on: to.database}}]
    verify: [{{action: pg-state, on: to.database, give: {{role: primary}}}}]
    undo: {{act: {{action: pg-fence, on: to.database}}}}
    urgent: true
    identity: true
    no_return: true
    timeout: 5s
    estimate: 1s
  point:
    kind: traffic
    name: {{zh: 切流量, en: Point}}
    needs: promote
    do: [{{action: entry-point, on: entries, give: {{primary: $to.database}}}}]
    verify: [{{action: write-through, on: entries, give: {{primary: $to.database}}}}]
    undo: {{act: {{action: entry-auto, on: entries}}}}
    urgent: true
    timeout: 5s
    estimate: 1s
  follow-third:
    kind: rejoin
    name: {{zh: 跟随, en: Follow}}
    needs: point
    do: [{{action: pg-follow, on: third.database, give: {{primary: $to.database}}}}]
    verify: [{{action: pg-replicates, on: to.database, give: {{standbys: $third.database}}}}]
    undo: {{none: {{zh: 无, en: nothing}}}}
    timeout: 5s
    estimate: 1s
"""

#: A switchover that can be taken back without loss also after the old writer has become a copy: each undo is right in
#: both cases, and the first step's undo, which comes last, makes the old writer the writer again.
BACK = f"""plan: there-and-back
{HEAD}
class: switchover
mode: graceful
objectives: {{rto: 5m, rpo: 0s}}
gates: [{{gate: lag-within-rpo, give: {{limit: 5s}}}}]
soak: {{watch: 4s, confirm_within: 3s, otherwise: roll-back, role: commander}}
steps:
  copies:
    kind: prepare
    name: {{zh: 副本, en: Copies}}
    do: [{{action: pg-checkpoint, on: to.database}}]
    undo: {{act: {{action: pg-rejoin, on: to.database, give: {{primary: $from.database}}}}}}
    timeout: 5s
    estimate: 1s
  writer:
    kind: prepare
    name: {{zh: 主库, en: Writer}}
    needs: copies
    do: [{{action: pg-checkpoint, on: from.database}}]
    undo: {{act: {{action: pg-promote, on: from.database}}}}
    timeout: 5s
    estimate: 1s
  clear-sync:
    kind: prepare
    name: {{zh: 清除同步, en: Clear sync}}
    needs: writer
    do: [{{action: pg-set-sync, on: to.database, give: {{standbys: []}}}}]
    undo: {{none: {{zh: 无, en: it rests while it is a copy}}}}
    timeout: 5s
    estimate: 1s
  fence:
    kind: fence
    name: {{zh: 隔离, en: Fence}}
    needs: clear-sync
    do: [{{action: pg-fence, on: from.database}}]
    verify: [{{action: pg-refused-write, on: from.database, by: to.database, give: {{target: $from.database}}}}]
    undo: {{act: {{action: pg-unfence, on: from.database}}}}
    urgent: true
    identity: true
    timeout: 5s
    estimate: 1s
  catch-up:
    kind: catch-up
    name: {{zh: 追平, en: Catch up}}
    needs: fence
    do: [{{action: pg-catch-up, on: to.database, give: {{lsn: $fence.lsn}}}}]
    urgent: true
    timeout: 5s
    estimate: 1s
  promote:
    kind: promote
    name: {{zh: 提升, en: Promote}}
    needs: catch-up
    do: [{{action: pg-promote, on: to.database}}]
    verify: [{{action: pg-state, on: to.database, give: {{role: primary}}}}]
    undo: {{act: {{action: pg-fence, on: to.database}}}}
    urgent: true
    identity: true
    timeout: 5s
    estimate: 1s
  point:
    kind: traffic
    name: {{zh: 切流量, en: Point}}
    needs: promote
    do: [{{action: entry-point, on: entries, give: {{primary: $to.database}}}}]
    verify: [{{action: write-through, on: entries, give: {{primary: $to.database}}}}]
    undo: {{act: {{action: entry-auto, on: entries}}}}
    urgent: true
    timeout: 5s
    estimate: 1s
  sync-first:
    kind: rejoin
    name: {{zh: 同步等待, en: Wait for the old one}}
    needs: point
    do: [{{action: pg-rejoin, on: from.database, give: {{primary: $to.database}}}}]
    verify: [{{action: pg-replicates, on: to.database, give: {{standbys: $from.database}}}}]
    undo: {{act: {{action: pg-fence, on: to.database}}}}
    identity: true
    timeout: 5s
    estimate: 1s
"""

#: The same, and commits no longer wait for the copy meanwhile: what they waited for before comes back at the end.
SYNC_BACK = BACK.replace("there-and-back", "sync-and-back").replace(
    """    do: [{action: pg-set-sync, on: to.database, give: {standbys: []}}]
    undo: {none: {zh: 无, en: it rests while it is a copy}}
""",
    """    do: [{action: pg-set-sync, on: from.database, give: {standbys: []}}]
    undo: {act: {action: pg-set-sync, on: from.database, give: {standbys: $clear-sync.before}}}
""",
)
assert "$clear-sync.before" in SYNC_BACK
