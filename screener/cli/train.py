"""The train command: trains the head on feature folds, or backbone and head together on pictures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from screener.cli.app import DeviceOption, app
from screener.cli.audit import AuditOption, StrictOption, show_warnings, warn_of_leaks
from screener.cli.configuration import command_settings, found_file
from screener.cli.exits import exits
from screener.cli.option_names import option_of
from screener.cli.overwriting import refuse_overwriting
from screener.errors import SettingsError

if TYPE_CHECKING:
    from screener.training.head_run import HeadReport

FIGURES_SHOWN = ("auc", "accuracy", "f1")
"""Figures of each fold in the table printed at the end."""

ONLY_HEAD = "only for training on feature folds"
ONLY_WHOLE = "only with --end-to-end"


class Leaks(NamedTuple):
    """audit: check for leaks first. strict: stop if one is found."""

    audit: bool
    strict: bool


@app.command()
def train(
    data: Annotated[Path, typer.Argument(metavar="FOLDS|DATA", help="Feature folds; with --end-to-end a folder of labelled pictures.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint to write; it appears once it is complete.")],
    end_to_end: Annotated[bool, typer.Option("--end-to-end", help="Train backbone and head together from pictures.")] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint", help="Checkpoint with the backbone that the folds were made with; by default the one that ships with screener."
        ),
    ] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", help="Instead of a checkpoint: imagenet, or a .pth file of torchvision's weights.")
    ] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="Settings to start from: published (the default) or improved.")] = None,
    fold: Annotated[
        int | None, typer.Option("--fold", help="Train only this fold; by default all, keeping the best by validation AUC.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Passes over the training rows (10).")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Samples per step (120).")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help="Peak learning rate (0.001; end to end 0.00015).")] = None,
    weight_decay: Annotated[float | None, typer.Option("--weight-decay", help="Weight decay (0.1).")] = None,
    l1_factor: Annotated[float | None, typer.Option("--l1-factor", help="Factor of the L1 penalty added to the loss (0.001).")] = None,
    l1_scope: Annotated[
        str | None, typer.Option("--l1-scope", help="Weights in the L1 penalty: head, or answer for the linear layer only.")
    ] = None,
    dropout: Annotated[float | None, typer.Option("--dropout", help="Dropout before the linear layer (0.5).")] = None,
    optimiser: Annotated[str | None, typer.Option("--optimiser", help="adam, adamw or sgd.")] = None,
    schedule: Annotated[str | None, typer.Option("--schedule", help="Learning rate schedule: constant or cosine.")] = None,
    warm_up_epochs: Annotated[float | None, typer.Option("--warm-up-epochs", help="Epochs of learning rate warm-up (0).")] = None,
    head_start: Annotated[
        str | None,
        typer.Option("--head-start", help="Initial head: layer4 of the checkpoint, checkpoint for its linear layer as well, or random."),
    ] = None,
    keep: Annotated[
        str | None, typer.Option("--keep", help="Keep the weights of the last epoch, or of the best by validation AUC: last or best.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option("--patience", help="Stop after this many epochs without improvement; 0 to disable.")
    ] = None,
    class_balance: Annotated[
        bool | None, typer.Option("--class-balance/--no-class-balance", help="Weight both classes equally in the loss.")
    ] = None,
    label_smoothing: Annotated[float | None, typer.Option("--label-smoothing", help="Label smoothing (0).")] = None,
    mixup: Annotated[float | None, typer.Option("--mixup", help="Mixup of features with Beta(X, X); 0 to disable.")] = None,
    average_decay: Annotated[
        float | None, typer.Option("--average-decay", help="Decay of the moving average of weights; 0 to disable.")
    ] = None,
    validation_share: Annotated[
        float | None, typer.Option("--validation-share", help="Share held out for validation if a fold has no validation split (0.2).")
    ] = None,
    init: Annotated[
        str | None, typer.Option("--init", help="End to end: initial weights: default, random, imagenet, a checkpoint or a .pth file.")
    ] = None,
    inner_times: Annotated[
        int | None, typer.Option("--inner-times", help="End to end: copies, with noise, of each inner channel to train (1).")
    ] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", help="End to end: training time in minutes (60).")] = None,
    input_size: Annotated[int | None, typer.Option("--input-size", help="End to end: final side of the crops, in pixels (224).")] = None,
    crop_margin: Annotated[
        float | None, typer.Option("--crop-margin", help="End to end: side of the crop over the longer side of the face box (1.3).")
    ] = None,
    pairs: Annotated[int | None, typer.Option("--pairs", help="End to end: real and fake pairs per batch (16).")] = None,
    grow: Annotated[bool | None, typer.Option("--grow/--no-grow", help="End to end: start with smaller pictures.")] = None,
    hold: Annotated[float | None, typer.Option("--hold", help="End to end: share of the time before the learning rate decays (0).")] = None,
    frozen_statistics: Annotated[
        bool | None,
        typer.Option("--frozen-statistics/--own-statistics", help="End to end: batch norms keep the statistics of the initial weights."),
    ] = None,
    ranking: Annotated[
        float | None, typer.Option("--ranking", help="End to end: weight of the loss that ranks the fake of a pair above its real (0.5).")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option("--teacher", help="End to end: weights, or `default`, whose scores and maps are learnt in place of the labels."),
    ] = None,
    copy_weight: Annotated[
        float | None,
        typer.Option("--copy-weight", help="End to end: share of a recompressed copy's score to subtract from the teacher's (its own)."),
    ] = None,
    add_teacher: Annotated[list[str] | None, typer.Option(help="End to end: WEIGHTS=NUMBER, whose scores times it are added.")] = None,
    copy_quality: Annotated[int | None, typer.Option("--copy-quality", help="End to end: JPEG quality of that copy (20).")] = None,
    share: Annotated[
        list[str] | None,
        typer.Option("--share", metavar="SOURCE=X", help="End to end: share of fakes from a source; may be repeated."),
    ] = None,
    decoder: Annotated[
        list[str] | None,
        typer.Option(
            "--decoder", metavar="NAME[=SECONDS]", help="End to end: decoder that redraws faces before they are blended; may be repeated."
        ),
    ] = None,
    autoencoder: Annotated[str | None, typer.Option("--autoencoder", help="End to end: folder with the autoencoder's two files.")] = None,
    hardness: Annotated[
        tuple[float, float] | None,
        typer.Option("--hardness", help="End to end: strength of degradations at start and end (0.25 0.55)."),
    ] = None,
    strength: Annotated[
        tuple[float, float] | None,
        typer.Option("--strength", help="End to end: strength of the mismatch in fakes at start and end (1.0 0.8)."),
    ] = None,
    video: Annotated[float | None, typer.Option("--video", help="End to end: share of pairs encoded with a video codec (0.7).")] = None,
    tone: Annotated[
        float | None, typer.Option("--tone", help="End to end: share of pictures blurred or sharpened as a whole (0.35).")
    ] = None,
    same_route: Annotated[
        float | None, typer.Option("--same-route", help="End to end: share of pairs whose two pictures get the same degradations (0.5).")
    ] = None,
    level: Annotated[
        float | None, typer.Option("--level", help="End to end: share of pairs whose pictures first get the same fine detail (0.75).")
    ] = None,
    other_real: Annotated[
        float | None,
        typer.Option("--other-real", help="End to end: share of matched pairs whose real picture is another one of the same group (0)."),
    ] = None,
    level_by_region: Annotated[
        float | None,
        typer.Option("--level-by-region", help="End to end: share of those whose forged part and surroundings are levelled apart (0)."),
    ] = None,
    worn: Annotated[float | None, typer.Option(help="End to end: share of blends into a degraded picture (0.3).")] = None,
    around: Annotated[float | None, typer.Option(help="End to end: share of self-blends changed around the part (0.25).")] = None,
    motion_blur: Annotated[
        float | None, typer.Option("--motion-blur", help="End to end: share of pictures that get motion blur (0).")
    ] = None,
    shown_px: Annotated[
        tuple[float, float] | None,
        typer.Option("--shown-px", help="End to end: smallest and largest side at which crops are displayed (84 288)."),
    ] = None,
    moments: Annotated[int | None, typer.Option("--moments", help="End to end: pairs taken from one clip (1).")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Random seed (0).")] = None,
    device: DeviceOption = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="auto, float32 or bfloat16.")] = None,
    save_every: Annotated[
        float | None, typer.Option("--save-every", help="Seconds between saves, and so the most work lost by a stop (120; end to end 240).")
    ] = None,
    tensorboard: Annotated[Path | None, typer.Option("--tensorboard", help="Folder for TensorBoard logs, if it is installed.")] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="TOML file with a table [tool.screener.train], or [tool.screener.end-to-end] if end to end."),
    ] = None,
    audit: AuditOption = True,
    strict: StrictOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
) -> None:
    """Train a head on feature folds, or with --end-to-end the whole network on pictures, and write a checkpoint.

    Also writes a CSV file with every epoch and, with matplotlib, the curves. After an interruption, the same command resumes.
    Options that begin with "End to end" need --end-to-end. --learning-rate, --seed, --device, --save-every, --config, --audit, --strict
    and --quiet are for both; all others are for feature folds.
    On several graphics cards: torchrun --nproc-per-node 4 -m screener train FOLDS -o CHECKPOINT.
    """
    shared = {"learning_rate": learning_rate, "seed": seed, "device": device, "save_every_seconds": save_every}
    head_only = {
        "preset": preset, "epochs": epochs, "batch_size": batch_size, "weight_decay": weight_decay, "l1_factor": l1_factor,
        "l1_scope": l1_scope, "dropout": dropout, "optimiser": optimiser, "schedule": schedule, "warm_up_epochs": warm_up_epochs,
        "head_start": head_start, "keep": keep, "patience": patience, "class_balance": class_balance, "label_smoothing": label_smoothing,
        "mixup": mixup, "average_decay": average_decay, "validation_share": validation_share, "dtype": dtype,
    }  # fmt: skip
    with exits():
        others = _numbers("--add-teacher", add_teacher, 1.0)
        whole_only = {
            "init": init, "inner_times": inner_times, "minutes": minutes, "input_size": input_size, "crop_margin": crop_margin,
            "pairs": pairs, "grow": grow, "hold": hold, "frozen_statistics": frozen_statistics, "ranking": ranking,
            "teacher": teacher, "copy_weight": copy_weight, "copy_quality": copy_quality,
            "more_teachers": others, "autoencoder": autoencoder,
            "shares": _numbers("--share", share), "decoders": _numbers("--decoder", decoder, 0.0),
            "hardness": hardness, "strength": strength, "video": video, "tone": tone, "same_route": same_route, "level": level,
            "other_real": other_real, "motion_blur": motion_blur, "level_by_region": level_by_region, "shown_px": shown_px,
            "moments": moments, "worn": worn, "around": around,
        }  # fmt: skip
        if checkpoint and backbone:
            raise SettingsError("choose one of --checkpoint and --backbone, not both")
        if strict and not audit:
            raise SettingsError("choose one of --strict and --no-audit, not both")
        refuse_overwriting({"-o": output}, [checkpoint, backbone, init, teacher, *(others or ()), config or found_file()])
        leaks = Leaks(audit, strict)
        if end_to_end:
            _refuse({**head_only, "checkpoint": checkpoint, "backbone": backbone, "fold": fold, "tensorboard": tensorboard}, ONLY_HEAD)
            _train_whole(data, output, _given({**shared, **whole_only}), config, leaks, quiet)
        else:
            _refuse(whole_only, ONLY_WHOLE)
            _train_head(data, output, _given({**shared, **head_only}), config, leaks, quiet, backbone or checkpoint, fold, tensorboard)


def _numbers(option: str, words: list[str] | None, default: float | None = None) -> dict[str, float] | None:
    """`NAME=NUMBER` words -> numbers by name; a bare name gets the default, if there is one."""
    if not words:
        return None
    found: dict[str, float] = {}
    for word in words:
        name, sign, number = word.rpartition("=")  # a path may have one, too
        try:
            found[name if sign else word] = float(number) if sign or default is None else default
        except ValueError:
            raise SettingsError(f"{option}: expected NAME=NUMBER, got {word!r}") from None
    return found


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _refuse(options: dict[str, Any], why: str) -> None:
    if wrong := sorted(_given(options).items()):
        raise SettingsError(f"{', '.join(_as_written(name, value) for name, value in wrong)}: {why}")


def _as_written(name: str, value: Any) -> str:
    """The option that sets a setting to a value."""
    negated = {"class_balance": "--no-class-balance", "grow": "--no-grow", "frozen_statistics": "--own-statistics"}
    return negated[name] if value is False else option_of(name)


def _train_head(
    folds: Path,
    output: Path,
    given: dict[str, Any],
    config: Path | None,
    leaks: Leaks,
    quiet: bool,
    backbone: str | Path | None,
    fold: int | None,
    tensorboard: Path | None,
) -> None:
    from screener.settings import TrainSettings
    from screener.training.fold_parts import fold_leaks
    from screener.training.folds import open_folds
    from screener.training.head_run import train_heads
    from screener.training.progress import display_for
    from screener.training.workers import started_as_first

    settings = command_settings(TrainSettings, "train", config, given)
    if leaks.audit and started_as_first():
        show_warnings(fold_leaks(open_folds(folds), leaks.strict))
    with display_for(sys.stderr, quiet or not started_as_first()) as display:
        report = train_heads(folds, output, settings, backbone, fold, display, tensorboard)
    if report is not None:
        sys.stdout.write(_head_summary(report))


def _train_whole(data: Path, output: Path, given: dict[str, Any], config: Path | None, leaks: Leaks, quiet: bool) -> None:
    from screener.datasets import read_data
    from screener.settings import EndToEndSettings
    from screener.training.end_to_end_run import train_end_to_end

    def say(message: str) -> None:
        if not quiet:
            sys.stderr.write(message + "\n")
            sys.stderr.flush()

    settings = command_settings(EndToEndSettings, "end-to-end", config, given)
    if leaks.audit:
        warn_of_leaks(read_data(data), leaks.strict, quiet)
    report = train_end_to_end(data, output, settings, say)
    figures = "  ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in report.figures.items())
    sys.stdout.write(f"{report.faces:,} faces, {report.pictures:,} pictures made of them\nvalidation: {figures}\n")
    sys.stdout.write(f"written: {report.output}, {report.metrics}\n")


def _shown(value: float) -> str:
    """Counts without decimals, figures with four."""
    return f"{value:g}" if value == int(value) else f"{value:.4f}"


def _head_summary(report: HeadReport) -> str:
    lines = [f"{'fold':<12}{'epoch':>6}" + "".join(f"{f'{split} {name}':>21}" for split in _splits(report) for name in FIGURES_SHOWN)]
    for result in report.folds:
        mark = " *" if result.number == report.chosen and len(report.folds) > 1 else ""
        row = {"validation": result.validation, "test": result.test}
        shown = [row[split].get(name) for split in _splits(report) for name in FIGURES_SHOWN]
        lines.append(
            f"{result.number}{mark:<{12 - len(str(result.number))}}{result.epoch:>6}" + "".join(f"{_number(v):>21}" for v in shown)
        )
    if len(report.folds) > 1:
        spreads = {"validation": report.validation, "test": report.test}
        found = [spreads[split].get(name) for split in _splits(report) for name in FIGURES_SHOWN]
        lines.append(f"{'mean ± sd':<18}" + "".join(f"{f'{s.mean:.4f} ± {s.deviation:.4f}' if s else '-':>21}" for s in found))
    lines += [f"note: {note}" for note in report.notes]
    lines.append(f"written: {', '.join(str(path) for path in (report.output, report.metrics, *report.curves))}")
    return "\n".join(lines) + "\n"


def _splits(report: HeadReport) -> list[str]:
    return ["validation", "test"] if any(result.test for result in report.folds) else ["validation"]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
