"""Batch files: what is written for which settings, what is refused, and the page of a chain. No scheduler is needed."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_artifacts import module_at

from gantk.checkpoints.download import LinkError
from gantk.cli.options import normalize_token
from gantk.errors import GantkError, StoreError, UsageError
from gantk.runs.reporting import load_result
from gantk.runs.results import read_result
from gantk.runs.runner import Plan
from gantk.slurm.batch import batch_files, folder_of, submit_script
from gantk.slurm.chain import kept_chain
from gantk.slurm.estimates import Estimate, estimated, limited, slurm_time
from gantk.slurm.page import Part, _with_log
from gantk.slurm.pipelines import PIPELINES
from gantk.slurm.results import ChainResult
from gantk.slurm.settings import JobSettings, read_settings
from gantk.store.progress import Planned

Call = Callable[..., tuple[int, str, str]]
INPUTS = {name: f"{name}.file" for pipeline in PIPELINES.values() for name in pipeline.inputs}
BASE: dict[str, Any] = {"output-dir": "runs/x", **INPUTS}


def written(pipeline: str = "synthesize", **keys: Any) -> dict[str, str]:
    table = {**BASE, **{key.replace("_", "-"): value for key, value in keys.items()}}
    chain = read_settings(pipeline, {"slurm": table}, "x.toml")
    return {file.job.name: file.text for file in batch_files(pipeline, chain)}


def options(text: str) -> list[str]:
    return re.findall(r"^#SBATCH (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_batch_file_is_a_script_and_calls_a_command_that_exists(pipeline: str, tmp_path: Path) -> None:
    from gantk.cli.main import cli

    for name, text in written(pipeline, gpus=2, nodes=2, container="/images/my gantk.sif").items():
        path = tmp_path / f"{name}.sh"
        path.write_text(text)
        if shutil.which("bash"):
            done = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")
        job = next(job for job in PIPELINES[pipeline].jobs if job.name == name)
        command: Any = cli
        for word in job.command.split():
            command = command.get_command(None, word)
            assert command is not None, job.command
        known = {normalize_token(option) for parameter in command.params for option in parameter.opts}
        given = {word for word in job.line.split() if word.startswith("--")}
        assert given <= known, f"gantk {job.command} has no {given - known}"
        assert "{" not in text[text.index("\nSETTINGS=") :], "something was not filled in"


def test_the_shipped_batch_files_are_what_the_command_writes(root: Path) -> None:
    folder = root / "scripts" / "slurm"
    expected = module_at(folder / "write.py").examples()
    assert {path.name: path.read_text() for path in folder.glob("*.sbatch")} == expected, "run scripts/slurm/write.py"


def test_nothing_is_asked_for_that_was_not_given() -> None:
    texts = written()
    assert options(texts["merge"]) == [
        "--job-name=synthesize-merge",
        "--output=runs/x/slurm/logs/merge-%j.log",
        "--open-mode=append",
        "--signal=B:USR1@120",
        "--requeue",
    ]
    assert "--array=0-3" in options(texts["synthesize"])
    assert not re.search("module|source|apptainer|OMP", "".join(texts.values()))


def test_a_site_gets_what_it_wants() -> None:
    texts = written(
        partition="gpu", account="a", qos="q", time="1-00", gpus="a100:2", cpus=3, memory="9G", array=5, at_once=2,
        warning=60, extra=["--constraint=x"], setup=["module load y"], venv="~/v", name="n", merge={"partition": "cpu"},
    )  # fmt: skip
    given = options(texts["synthesize"])
    assert given == [
        "--job-name=n-synthesize", "--partition=gpu", "--account=a", "--qos=q", "--time=1-00", "--array=0-4%2",
        "--gres=gpu:a100:2", "--cpus-per-task=3", "--mem=9G", "--output=runs/x/slurm/logs/synthesize-%A_%a.log",
        "--open-mode=append", "--signal=B:USR1@60", "--requeue", "--constraint=x",
    ]  # fmt: skip
    assert 'module load y\nsource "$HOME/v/bin/activate"\nexport OMP_NUM_THREADS' in texts["synthesize"]
    merge = options(texts["merge"])
    assert "--partition=cpu" in merge and not any("gres" in option or "array" in option for option in merge)


def test_inputs_keep_their_variables_and_their_blanks() -> None:
    text = written(model='$SCRATCH/my "church".pkl')["synthesize"]
    assert 'MODEL="$SCRATCH/my \\"church\\".pkl"\n' in text
    assert 'synthesize "$MODEL" --shard auto --output-dir "$RUN" &' in text


def test_the_output_folder_is_expanded_for_slurm_expands_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRATCH", "/scratch/me")
    text = written(output_dir="$SCRATCH/runs")["synthesize"]
    assert "#SBATCH --output=/scratch/me/runs/slurm/logs/" in text and "RUN=/scratch/me/runs\n" in text


def test_tasks_under_srun_are_stopped_by_slurm() -> None:
    """srun would kill its tasks at once, and leave with 0, where it gets TERM itself."""
    alone, together = written()["synthesize"], written("navigan")["hessian"]
    assert 'kill -TERM "$worker"' in alone and "scancel" not in alone
    assert 'scancel --signal=TERM "$SLURM_JOB_ID"' in together and "kill -TERM" not in together
    assert "--ntasks=4" in options(together) and "\nsrun gantk" in together
    for nodes, sends in ((1, 'kill -TERM "$worker"'), (2, 'scancel --signal=TERM "$SLURM_JOB_ID"')):
        assert sends in written("ghfeat", nodes=nodes)["train"]


def test_a_container_runs_the_command() -> None:
    text = written(container="~/gantk.sif", container_command="podman run --rm")["synthesize"]
    assert 'podman run --rm "$HOME/gantk.sif" gantk --config "$SETTINGS" synthesize "$MODEL"' in text


def test_jobs_are_submitted_one_after_another() -> None:
    chain = read_settings("higan", {"slurm": BASE}, "x.toml")
    files = batch_files("higan", chain)
    script = submit_script("higan", chain, files)
    lines = [line for line in script.splitlines() if "sbatch" in line]
    assert len(lines) == len(files) == 5 and folder_of(chain) == "runs/x/slurm"
    assert "afterok" not in lines[0] and all('--dependency="afterok:$job"' in line for line in lines[1:])
    assert "mkdir -p runs/x/slurm/logs" in script


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, r"has no \[slurm\] table: write the pipeline's model and output-dir"),
        ({"output-dir": "x"}, "says no model: the pipeline needs model and output-dir"),
        ({"model": "x"}, "says no output-dir"),
        ({**BASE, "partitoin": "gpu"}, "unknown key 'partitoin'. Did you mean 'partition'"),
        ({**BASE, "merge": {"tiem": "1"}}, r"\[slurm.merge\] of x.toml has an unknown key 'tiem'"),
        ({**BASE, "merge": 3}, r"write \[slurm.merge\]"),
        ({**BASE, "partition": {"a": 1}}, "a table 'partition'"),
        ({**BASE, "array": 0}, "array = 0 is too small: 1 or more"),
        ({**BASE, "array": 10**12}, "array = 1000000000000 is too large: 100000 or less"),
        ({**BASE, "array": "many"}, "array = 'many': a whole number"),
        ({**BASE, "at-once": -1}, "at-once = -1"),
        ({**BASE, "partition": "gpu\n#SBATCH --x"}, "line break in partition"),
        ({**BASE, "time": "two hours"}, "time = 'two hours' is not understood"),
        ({**BASE, "setup": 3}, "setup = 3: a list of lines"),
        ({**BASE, "extra": ["constraint=a100"]}, "extra has 'constraint=a100'"),
        ({**BASE, "venv": "a", "container": "b"}, "both venv and container"),
        ({**BASE, "model": True}, "model = True: a text"),
    ],
)
def test_wrong_settings_are_refused(table: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_settings("synthesize", {} if table is None else {"slurm": table}, "x.toml")
    assert "\n" not in str(caught.value)


# --- the command -----------------------------------------------------------------------------------------------------

SETTINGS = '[slurm]\nmodel = "demo"\noutput-dir = "runs/c"\narray = 3\n[synthesize]\nnum = 12\n'


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(SETTINGS)
    return tmp_path / "runs" / "c" / "slurm"


def test_a_chain_is_written_beside_its_settings(settings: Path, gantk_command: Call) -> None:
    for _ in range(2):  # written again without being asked about
        code, out, err = gantk_command("slurm", "synthesize", "--config", "c.toml")
        assert (code, err) == (0, "")
    assert out.split() == [f"runs/c/slurm/{name}" for name in ("1-synthesize.sbatch", "2-merge.sbatch", "slurm.html")]
    assert (settings / "settings.toml").read_text() == SETTINGS and (settings / "logs").is_dir()
    assert (settings / "submit.sh").stat().st_mode & 0o100
    assert "written by `gantk slurm synthesize --config c.toml`." in (settings / "1-synthesize.sbatch").read_text()
    code, out, err = gantk_command("report", "runs/c/slurm")
    assert (code, err) == (0, "") and "was not submitted" in (settings / "slurm.html").read_text()


def test_a_chain_that_was_stopped_before_it_was_written_is_none(
    settings: Path, gantk_command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gantk.slurm.chain.write_chain", stopped)
        assert gantk_command("slurm", "synthesize", "--config", "c.toml")[0] == 130
    assert kept_chain(settings) is None
    code, _, err = gantk_command("slurm", "synthesize", "--config", "c.toml", "--status")
    assert code == 2 and "There is no chain in runs/c/slurm" in err
    assert gantk_command("slurm", "synthesize", "--config", "c.toml")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("syntesize", "--config", "c.toml"), "'syntesize' is not one of"),
        (("synthesize",), "Missing option '--config'"),
        (("synthesize", "--config", "none.toml"), "There is no file 'none.toml'"),
        (("synthesize", "--config", "c.toml", "--status"), "There is no chain in runs/c/slurm"),
        (("synthesize", "--config", "c.toml", "--status", "--submit"), "exclude each other"),
        (("rescore", "--config", "c.toml"), "says no boundaries"),
    ],
)
def test_usage(settings: Path, gantk_command: Call, words: tuple[str, ...], message: str) -> None:
    code, out, err = gantk_command("slurm", *words)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1, err
    assert not settings.exists()


def test_submitting_where_slurm_is_not(settings: Path, gantk_command: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(settings))
    code, _, err = gantk_command("slurm", "synthesize", "--config", "c.toml", "--submit")
    assert code == 1 and "Slurm's sbatch was not found on this machine" in err and err.count("\n") == 1


STUB = """#!/bin/sh
echo "$0 $*" >> "$(dirname "$0")/calls"
case "$0" in
*/sbatch) case "$*" in *merge*) [ -f "$(dirname "$0")/refuse" ] && { echo "Invalid account" >&2; exit 1; };; esac
    echo "7$(wc -l < "$(dirname "$0")/calls" | tr -d ' ');cluster";;
*/squeue) echo "71_0|COMPLETED"; echo "71_1|RUNNING"; echo "71_2|PENDING";;
esac
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for slurm's programs, which note how they are called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sbatch", "squeue", "scancel"):
        (folder / name).write_text(STUB)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_a_chain_is_submitted_and_asked_about(settings: Path, programs: Path, gantk_command: Call) -> None:
    code, out, err = gantk_command("slurm", "synthesize", "--config", "c.toml", "--submit")
    assert (code, err) == (0, "") and "synthesize: job 71\nmerge: job 72\n" in out
    calls = (programs / "calls").read_text()
    assert "--kill-on-invalid-dep=yes --dependency=afterok:71" in calls
    code, _, err = gantk_command("slurm", "synthesize", "--config", "c.toml", "--submit")
    assert code == 2 and "is in the queue (job 71, synthesize, is running)" in err
    code, _, err = gantk_command("slurm", "synthesize", "--config", "c.toml", "--status")
    assert (code, err) == (0, "")
    page = (settings / "slurm.html").read_text()
    assert "1 completed, 1 pending, 1 running" in page and "waits for its turn" in page


def test_a_chain_of_the_released_version_is_asked_about(
    settings: Path, programs: Path, gantk_command: Call, root: Path
) -> None:
    shutil.copytree(root / "tests" / "runs_v1" / "slurm", settings)
    told = json.loads((settings / "slurm.run.json").read_text())["arguments"]["settings"]
    lines = [
        f"[{name}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in table.items()) for name, table in told.items()
    ]
    Path("c.toml").write_text("".join(lines))
    code, _, err = gantk_command("slurm", "synthesize", "--config", "c.toml", "--status")
    assert (code, err) == (0, "") and "--jobs=71" in (programs / "calls").read_text()
    found = load_result(settings)
    assert isinstance(found, ChainResult) and [job.number for job in found.jobs] == ["71", "72"]
    assert "1 completed, 1 pending, 1 running" in (settings / "slurm.html").read_text()


def test_half_a_chain_does_not_wait(settings: Path, programs: Path, gantk_command: Call) -> None:
    (programs / "refuse").touch()
    code, _, err = gantk_command("slurm", "synthesize", "--config", "c.toml", "--submit")
    assert code == 1 and "Slurm refused runs/c/slurm/2-merge.sbatch (Invalid account)" in err
    assert "scancel 71" in (programs / "calls").read_text()


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_merges_what_the_shards_took(settings: Path, gantk_command: Call) -> None:
    gantk_command("slurm", "synthesize", "--config", "c.toml")
    words = ("--config", "c.toml", "synthesize", "demo", "--skip-image", "--batch-size", "2", "--chunk", "2")
    assert gantk_command(*words, "--shard", "0/3", "-o", "runs/c")[0] == 0
    assert gantk_command("report", "runs/c/slurm")[0] == 0
    page = (settings / "slurm.html").read_text()
    assert "1 of 3 parts are complete" in page and "2 of 2" in page
    manifest = settings.parent / "synthesize.0-of-3.run.json"
    complete = json.loads(manifest.read_text())
    for kind in (GantkError, UsageError, StoreError, LinkError):
        error = f"{kind.__name__}: <The disk> is full."
        manifest.write_text(json.dumps({**complete, "state": "failed", "error": error}))
        gantk_command("report", "runs/c/slurm")
        page = (settings / "slurm.html").read_text()
        assert "failed: &lt;The disk&gt; is full. The jobs after it do not start." in page
    manifest.write_text("{")
    assert gantk_command("report", "runs/c/slurm")[0] == 0
    assert "synthesize.0-of-3.run.json cannot be read" in (settings / "slurm.html").read_text()
    manifest.write_text(json.dumps(complete))
    for shard in ("1/3", "2/3"):
        assert gantk_command(*words, "--shard", shard, "-o", "runs/c")[0] == 0
    assert gantk_command("merge", "runs/c")[0] == 0
    assert gantk_command("report", "runs/c/slurm")[0] == 0
    page = (settings / "slurm.html").read_text()
    assert "The chain is <strong>complete</strong>" in page and "times the mean" in page and "from first start" in page


# --- estimates -------------------------------------------------------------------------------------------------------


def test_limits_that_nobody_set_come_of_a_plan() -> None:
    planned = Planned("synthesize", "img", 100_000, 10, 2.0)  # 20 000 s in all
    plan = Estimate.of(Plan(16, planned, 5.0, 3_000_000_000))
    assert plan.origin.startswith("measured on ") and " cores, " in plan.origin
    assert limited(JobSettings(), plan, 4) == JobSettings(time="02:05:00", memory="5G")
    assert limited(JobSettings(time="09:00:00"), plan, 4) == JobSettings(time="09:00:00", memory="5G")
    assert limited(JobSettings(memory="1G"), Estimate(3.0, 1, ""), 1) == JobSettings(time="00:10:00", memory="1G")
    assert slurm_time(2 * 86400 + 4 * 3600 + 61) == "2-04:02:00"


def test_a_job_is_planned_with_all_of_its_work_and_without_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANTK_HOME", str(tmp_path))
    chain = read_settings("rescore", {"slurm": BASE}, "x.toml")
    asked: list[list[str]] = []

    def plan(words: list[str]) -> Plan | None:
        asked.append(words)
        return Plan(1, Planned("rescore", "img", 10, 1, 1000.0), 5.0, 10) if words[0] == "rescore" else None

    found = estimated("rescore", chain, {}, plan)
    assert asked == [["rescore", "model.file", "boundaries.file"]]
    assert found.jobs["rescore"].time == slurm_time(1.5 * 10_000 / chain.jobs["rescore"].array)
    assert found.jobs["merge"] == chain.jobs["merge"]


def test_estimates_are_asked_for_once_and_kept(
    gantk_command: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANTK_HOME", str(tmp_path / "home"))
    settings = '[slurm]\nmodel = "demo-oracle"\noutput-dir = "runs/x"\narray = 2\n[synthesize]\nnum = 20\n'
    (tmp_path / "a.toml").write_text(settings)
    words = ("slurm", "synthesize", "--config", "a.toml")

    def text() -> str:
        return (tmp_path / "runs" / "x" / "slurm" / "1-synthesize.sbatch").read_text()

    assert gantk_command(*words)[0] == 0
    assert "--time" not in text() and "# Time and memory" not in text()  # nothing is known yet
    assert gantk_command(*words, "--estimate")[0] == 0
    measured = text()
    assert "--time=00:10:00" in options(measured) and any(option.startswith("--mem=") for option in options(measured))
    assert re.search(
        r"^# Time and memory: 1\.5 times what `--plan` of the command measured on .* cores, .*\), [0-9-]{10}\.$",
        measured, re.MULTILINE,
    )  # fmt: skip
    assert gantk_command(*words)[0] == 0
    assert options(text()) == options(measured) and "# Time and memory: 1.5 times" in text()
    (tmp_path / "a.toml").write_text(settings.replace("array = 2", 'array = 2\ntime = "03:00:00"'))
    assert gantk_command(*words)[0] == 0
    assert "--time=03:00:00" in options(text()) and "# Memory: 1.5 times" in text()
    (tmp_path / "a.toml").write_text(settings.replace("20", "21"))  # other work
    assert gantk_command(*words)[0] == 0 and "--time" not in text()
    (tmp_path / "a.toml").write_text(settings)
    kept = tmp_path / "home" / "estimates.json"
    key = next(iter(json.loads(kept.read_text())))
    infinite = json.dumps({key: {"seconds": math.inf, "memory": 1, "origin": "here"}})
    for damaged in ("{", "[]", json.dumps({key: {}}), json.dumps({key: 3}), infinite):  # nothing is known
        kept.write_text(damaged)
        assert gantk_command(*words)[0] == 0 and "--time" not in text(), damaged
    kept.write_text(json.dumps({key: {"seconds": 1.0, "memory": 1, "origin": "here\necho now"}}))
    assert gantk_command(*words)[0] == 0 and "command here echo now." in text()
    (tmp_path / "b.toml").write_text('[slurm]\nmodel = "there-is-none"\noutput-dir = "runs/y"\n')
    code, _, error = gantk_command("slurm", "synthesize", "--config", "b.toml", "--estimate")
    assert code == 0 and "No estimate of `gantk synthesize there-is-none" in error


@pytest.mark.parametrize(
    ("log", "error"),
    [
        ("demo: reading\nError: The disk is full.\n", "The disk is full."),
        ("Error: No such model.\nslurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01 ***\n\n", "No such model."),
        ("slurm_script: line 20: gantk: command not found\n", "slurm_script: line 20: gantk: command not found"),
        ("/usr/bin/python: No module named gantk\r\n", "/usr/bin/python: No module named gantk"),
        (
            "Traceback ...\nModuleNotFoundError: No module named 'torch'\n",
            "ModuleNotFoundError: No module named 'torch'",
        ),
        ("x\nslurmstepd: error: Detected 1 oom_kill event in StepId=7.0.\n", "slurmstepd: error: Detected 1 oom_kill"),
        ("x" * 200_000 + "\nError: late\n", "late"),
        ("synthesize: 12 % (3/24 img)\n", None),
        ("\xff\n", None),
        ("", None),
    ],
)
def test_a_task_that_never_began_is_known_by_the_end_of_its_log(log: str, error: str | None, tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(log.encode("latin-1"))
    part = _with_log(Part("0/2"), tmp_path / "x.log")
    assert part.state == ("waiting" if error is None else "failed") and part.error.startswith(error or "")


@pytest.mark.parametrize("shards", [0, -1, 10**12])
def test_a_chain_that_claims_any_number_of_tasks_is_refused(shards: int, tmp_path: Path) -> None:
    """Its page has a row for each."""
    job = {"name": "a", "file": "a", "about": "a", "command": "synthesize", "shards": shards, "array": True, "run": ".",
           "number": None, "queue": {}}  # fmt: skip
    whole = {"task": "slurm", "version": 1, "fields": {"pipeline": "x", "jobs": [job]}}
    (tmp_path / "slurm.result.json").write_text(json.dumps(whole))
    with pytest.raises(GantkError, match=f"has {shards} tasks: 1 to 100000 are read"):
        read_result(ChainResult, tmp_path)
