"""Client code that publishes, for a fresh process: ``python push_probe.py <name> '<json arguments>'``, as probe.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from probe import outcome  # type: ignore[import-not-found]  # a script beside this one


def repositories(folder: str) -> dict[str, Any]:
    """Create, fill, tag, branch, move and delete a model repository."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, snapshot_download

    hub = HfApi()
    found: dict[str, Any] = {}
    found["created"] = str(hub.create_repo("acme/made", private=True))
    found["again"] = outcome(lambda: hub.create_repo("acme/made"))
    found["exist_ok"] = str(hub.create_repo("acme/made", private=False, exist_ok=True))
    found["still private"] = hub.model_info("acme/made").private
    first = hub.upload_folder(repo_id="acme/made", folder_path=folder, commit_message="All files")
    found["no-op"] = hub.upload_folder(repo_id="acme/made", folder_path=folder).oid == first.oid
    hub.create_tag("acme/made", tag="v1", tag_message="the first")
    found["tag again"] = outcome(lambda: hub.create_tag("acme/made", tag="v1"))
    hub.create_tag("acme/made", tag="v1", exist_ok=True)
    hub.create_branch("acme/made", branch="try/one", revision="v1")
    found["branch again"] = outcome(lambda: hub.create_branch("acme/made", branch="try/one"))
    changes = [CommitOperationAdd("new.txt", b"new"), CommitOperationDelete("sub/", is_folder=True)]
    hub.create_commit("acme/made", changes, commit_message="Change", revision="try/one")
    found["branch files"] = hub.list_repo_files("acme/made", revision="try/one")
    found["main files"] = hub.list_repo_files("acme/made")
    late = [CommitOperationAdd("late.txt", b"late")]
    send = hub.create_commit
    second = send("acme/made", late, commit_message="Late", parent_commit=first.oid)
    stale = [CommitOperationAdd("stale.txt", b"stale")]
    found["stale"] = outcome(lambda: send("acme/made", stale, commit_message="Stale", parent_commit=first.oid))
    gone = [CommitOperationDelete("nowhere.txt")]
    found["delete what is not there"] = outcome(lambda: send("acme/made", gone, commit_message="Gone"))
    found["commit to a tag"] = outcome(lambda: send("acme/made", stale, commit_message="No", revision="v1"))
    weights = hub.get_paths_info("acme/made", "weights.safetensors")[0]
    found["weights"] = [weights.size, weights.lfs.sha256 if weights.lfs else None]
    found["history"] = [commit.title for commit in hub.list_repo_commits("acme/made")]
    found["head"] = hub.model_info("acme/made").sha == second.oid
    down = Path(snapshot_download("acme/made", revision="v1"))
    names = {path.relative_to(folder).as_posix(): path for path in Path(folder).rglob("*") if path.is_file()}
    found["downloaded"] = {name: (down / name).read_bytes() == path.read_bytes() for name, path in names.items()}
    hub.delete_tag("acme/made", tag="v1")
    hub.delete_branch("acme/made", branch="try/one")
    refs = hub.list_repo_refs("acme/made")
    found["refs"] = [[ref.name for ref in refs.branches], [ref.name for ref in refs.tags]]
    hub.update_repo_settings("acme/made", private=False, gated="auto")
    info = hub.model_info("acme/made")
    found["settings"] = [info.private, info.gated]
    hub.move_repo("acme/made", "acme/moved")
    found["moved"] = [hub.repo_exists("acme/made"), hub.model_info("acme/moved").sha == second.oid]
    hub.delete_repo("acme/moved")
    hub.delete_repo("acme/moved", missing_ok=True)
    found["deleted"] = not hub.repo_exists("acme/moved")
    return found


def requests(other: str) -> dict[str, Any]:
    """Pull requests: opened with a commit and without, merged, in conflict; and by somebody else."""
    from huggingface_hub import CommitOperationAdd, HfApi

    hub, name = HfApi(), "acme/discussed"
    found: dict[str, Any] = {}
    hub.create_repo(name)
    made = hub.upload_file(repo_id=name, path_or_fileobj=b"one", path_in_repo="a.txt", create_pr=True)
    found["opened"] = [made.pr_num, made.pr_revision, "a.txt" in hub.list_repo_files(name)]
    found["on its ref"] = hub.list_repo_files(name, revision="refs/pr/1")
    hub.merge_pull_request(name, 1)
    details = hub.get_discussion_details(name, 1)
    found["merged"] = [details.status, details.merge_commit_oid == hub.model_info(name).sha]
    found["merged again"] = outcome(lambda: hub.merge_pull_request(name, 1))
    draft = hub.create_pull_request(name, "By hand")
    found["draft"] = [draft.status, draft.conflicting_files]
    found["merge a draft"] = outcome(lambda: hub.merge_pull_request(name, 2))
    for text in (b"two", b"three"):
        operations = [CommitOperationAdd("a.txt", text)]
        hub.create_commit(name, operations, commit_message=f"Now {text!r}", revision="refs/pr/2")
    hub.change_discussion_status(name, 2, "open")
    hub.upload_file(repo_id=name, path_or_fileobj=b"four", path_in_repo="a.txt")
    found["conflict"] = hub.get_discussion_details(name, 2).conflicting_files
    found["merge a conflict"] = outcome(lambda: hub.merge_pull_request(name, 2))
    hub.change_discussion_status(name, 2, "closed")
    guest = HfApi(token=other)
    guest.upload_file(repo_id=name, path_or_fileobj=b"mine", path_in_repo="b.txt", create_pr=True)
    found["guest merges"] = outcome(lambda: guest.merge_pull_request(name, 3))
    found["guest commits"] = outcome(
        lambda: guest.upload_file(repo_id=name, path_or_fileobj=b"x", path_in_repo="c.txt")
    )
    hub.comment_discussion(name, 3, "Thank you")
    hub.merge_pull_request(name, 3)
    listed = hub.get_repo_discussions(name)
    found["listed"] = [[each.num, each.status, each.author] for each in listed]
    found["history"] = [commit.title for commit in hub.list_repo_commits(name)]
    return found


def access(tokens: dict[str, str]) -> dict[str, Any]:
    """What tokens of each role may do with a repository that exists and with one that does not."""
    from huggingface_hub import HfApi

    def trial(token: str) -> dict[str, Any]:
        hub = HfApi(token=token)
        hub_file = {"path_or_fileobj": b"x", "path_in_repo": "x.txt"}
        return {
            "role": outcome(lambda: hub.whoami()["auth"]["accessToken"]["role"]),
            "create": outcome(lambda: hub.create_repo(f"acme/by-{token.lower()[3:]}", private=True).repo_id),
            # A trap of the real client: this one passes even for a token that may only read.
            "exist_ok": outcome(lambda: hub.create_repo("acme/open", exist_ok=True).repo_id),
            "check": outcome(lambda: hub.auth_check("acme/open", write=True)),
            "upload": outcome(lambda: hub.upload_file(repo_id="acme/open", **hub_file).oid),
            "settings": outcome(lambda: hub.update_repo_settings("acme/open", private=True)),
            "hidden": outcome(lambda: hub.model_info("acme/hidden").id),
        }

    return {name: trial(token) for name, token in tokens.items()}


def spaces(secret: str) -> dict[str, Any]:
    """A Space with its hardware, variables and secrets, on the free plan."""
    from huggingface_hub import HfApi

    hub, name = HfApi(), "acme/demo"
    found: dict[str, Any] = {}
    make: dict[str, Any] = {"repo_type": "space", "space_sdk": "gradio", "private": True}
    found["free plan"] = outcome(lambda: hub.create_repo(name, **make))
    variables, secrets = [{"key": "MODEL", "value": "acme/m"}], [{"key": "HF_TOKEN", "value": secret}]
    hub.create_repo(name, **make, space_hardware="zero-a10g", space_variables=variables, space_secrets=secrets)
    found["empty"] = hub.get_space_runtime(name).stage
    hub.upload_file(repo_id=name, repo_type="space", path_or_fileobj=b"print()", path_in_repo="app.py")
    found["stages"] = [hub.get_space_runtime(name).stage for _ in range(3)]
    runtime = hub.get_space_runtime(name)
    found["hardware"] = [runtime.hardware, runtime.requested_hardware]
    found["info"] = [hub.space_info(name).sdk, hub.space_info(name).runtime.stage]
    hub.add_space_variable(name, "DATA", "acme/d", description="what it learned")
    hub.add_space_secret(name, "OTHER", "unseen")
    hub.delete_space_secret(name, "HF_TOKEN")
    found["variables"] = {key: each.value for key, each in hub.get_space_variables(name).items()}
    found["secrets"] = sorted(hub.get_space_secrets(name))
    found["paid hardware"] = outcome(lambda: hub.request_space_hardware(name, "t4-small"))
    found["no such hardware"] = outcome(lambda: hub.request_space_hardware(name, "abacus"))
    found["paused"] = hub.pause_space(name).stage
    hub.restart_space(name)
    found["protected"] = outcome(lambda: hub.update_repo_settings(name, repo_type="space", visibility="protected"))
    return found


def libraries(model: str) -> dict[str, Any]:
    """What the libraries themselves push: a model with its tokenizer, a data set, a card."""
    from datasets import Dataset, load_dataset
    from huggingface_hub import ModelCard
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    network = AutoModelForSequenceClassification.from_pretrained(model)
    network.push_to_hub("acme/pushed", private=True)
    AutoTokenizer.from_pretrained(model).push_to_hub("acme/pushed")
    again = AutoModelForSequenceClassification.from_pretrained("acme/pushed")
    same = all((a == b).all() for a, b in zip(network.parameters(), again.parameters(), strict=True))
    Dataset.from_list([{"text": "good", "label": 1}, {"text": "bad", "label": 0}]).push_to_hub("acme/rows")
    card = ModelCard("---\nlicense: mit\ntags:\n- test\n---\n\n# A model\n")
    bad = ModelCard("---\nlicense: mine\nbase_model: /home/me/base\n---\n\n# A model\n")
    return {
        "weights": bool(same),
        "words": AutoTokenizer.from_pretrained("acme/pushed").tokenize("a good film"),
        "rows": load_dataset("acme/rows", split="train").to_list(),
        "card": outcome(lambda: str(card.push_to_hub("acme/pushed"))),
        "bad card": outcome(lambda: str(bad.push_to_hub("acme/pushed"))),
        "tags": ModelCard.load("acme/pushed").data.tags,
    }


def faults(kinds: list[str]) -> dict[str, Any]:
    """One commit each to repositories on which a fault waits."""
    from huggingface_hub import CommitOperationAdd, HfApi

    hub = HfApi()

    def commit(kind: str) -> dict[str, Any]:
        name = f"acme/{kind.replace('_', '-')}"
        hub.create_repo(name)
        operations = [CommitOperationAdd("a.txt", b"text")]
        tried = outcome(lambda: hub.create_commit(name, operations, commit_message="Try").oid)
        return {**tried, "applied": "a.txt" in hub.list_repo_files(name)}

    return {kind: commit(kind) for kind in kinds}


PROBES: dict[str, Callable[..., dict[str, Any]]] = {
    "repositories": repositories, "requests": requests, "access": access, "spaces": spaces, "libraries": libraries,
    "faults": faults,
}  # fmt: skip


def several(calls: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Run several probes in one process: name to arguments."""
    return {name: PROBES[name](**arguments) for name, arguments in calls.items()}


PROBES["several"] = several

if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](**json.loads(sys.argv[2]))))
