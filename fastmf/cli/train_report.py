"""What `fastmf train` reports: a table for people, one JSON object for programs."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastmf.cli.console import path_argument, print_json
from fastmf.cli.evaluation_table import (
    baselines,
    error_table,
    likes_line,
    ranking_document,
    ranking_table,
)
from fastmf.cli.text_table import bytes_text, counted, speed_text, table
from fastmf.errors import DataError

if TYPE_CHECKING:
    from fastmf import Ratings
    from fastmf.evaluation import Evaluation, RankingEvaluation
    from fastmf.models import RatingModel
    from fastmf.models.networks.like_scores import LikeScores

__all__ = ["TrainReport"]

# Items recommended to validation users, and how many of these at most: some seconds.
_TOP, _RANKED_USERS = 10, 10_000

_PHASES = ("read", "prepare", "compile", "train", "total")


@dataclass
class TrainReport:
    """Figures of a finished training.

    Parameters
    ----------
    model : RatingModel
        The fitted model.
    hyperparameters : dict
        As given on the command line, defaults included.
    training : Ratings
        What the model was trained on.
    held_out : Ratings or None
        The validation ratings.
    folder : pathlib.Path
        Where the model was saved.
    read_seconds : float
        Time of reading and splitting.
    threads : int
        Threads that trained.
    """

    model: RatingModel
    hyperparameters: dict[str, Any]
    training: Ratings
    held_out: Ratings | None
    folder: Path
    read_seconds: float
    threads: int

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """Errors of the model and the baselines on the validation ratings, where it has any."""
        from fastmf.evaluation import evaluate
        from fastmf.training import RunSettings

        if self.held_out is None or self._scores_preferences:
            return None
        return evaluate(self.model, self.held_out, run=RunSettings(num_threads=self.threads))

    @cached_property
    def ranking(self) -> RankingEvaluation | None:
        """What a model of preferences recommends against validation ratings, where it has any.

        Of so many users at most that it takes seconds; those of networks, which take longer, are
        measured by `fastmf evaluate`.
        """
        from fastmf.evaluation import evaluate_ranking
        from fastmf.training import RunSettings

        if self.held_out is None or not self._scores_preferences or self._likes is not None:
            return None
        run = RunSettings(num_threads=self.threads)
        limits: dict[str, Any] = {"seen": self.training, "max_users": _RANKED_USERS}
        try:
            top = min(_TOP, len(self.model.items_))
            return evaluate_ranking(self.model, self.held_out, top, **limits, run=run)
        except DataError:
            return None  # nobody held out is known to the model, which is trained all the same

    @property
    def _scores_preferences(self) -> bool:
        return bool(getattr(self.model, "scores_preferences", False))

    @property
    def _likes(self) -> LikeScores | None:
        """How well likes among the validation ratings are told, by models that tell them."""
        return getattr(self.model, "likes_", None)

    @property
    def ratings_per_second(self) -> float:
        """Training ratings worked through a second, over all epochs."""
        return self.model.n_ratings_ * self.model.epochs_run_ / self.model.seconds_["train"]

    def document(self, began: float) -> dict[str, Any]:
        """Return the report for programs.

        Parameters
        ----------
        began : float
            When the command began, by `time.perf_counter`.

        Returns
        -------
        dict
        """
        from fastmf.machine import peak_memory

        model = self.model
        evaluation, ranking = self.evaluation, self.ranking  # take their time, part of the total
        return {
            "model": model.kind,
            "factors": self.hyperparameters.get("factors"),
            "epochs_run": model.epochs_run_,
            "best_epoch": model.best_epoch_,
            "train_rmse": model.train_rmse_,
            "valid_rmse": model.valid_rmse_,
            "valid_mae": model.valid_mae_,
            "n_ratings": model.n_ratings_,
            "n_valid": None if self.held_out is None else len(self.held_out),
            "n_users": len(model.users_),
            "n_items": len(model.items_),
            "seconds": self._seconds(time.perf_counter() - began),
            "ratings_per_second": self.ratings_per_second,
            "peak_rss_bytes": peak_memory(),
            "model_path": str(self.folder),
            "stopped": model.stopped_,
            "threads": self.threads,
            "hyperparameters": self.hyperparameters,
            "baselines": None if evaluation is None else baselines(evaluation),
            "ranking": None if ranking is None else ranking_document(ranking),
            "likes": None if self._likes is None else self._likes._asdict(),
            "history": [record._asdict() for record in model.history_],
        }

    def _seconds(self, total: float) -> dict[str, float]:
        phases = self.model.seconds_
        measured = (self.read_seconds, phases["prepare"], phases["compile"], phases["train"], total)
        return dict(zip(_PHASES, measured, strict=True))

    def show(self, *, as_json: bool, began: float) -> None:
        """Print the report on stdout.

        Parameters
        ----------
        as_json : bool
            Whether for programs.
        began : float
            When the command began, by `time.perf_counter`.
        """
        document = self.document(began)
        if as_json:
            print_json(document)
        else:
            click.echo("\n".join(self._lines(document)))

    def _lines(self, document: dict[str, Any]) -> list[str]:
        model = self.model
        seconds = document["seconds"]
        lines = [
            f"{counted(model.n_ratings_, 'training rating')} of "
            f"{counted(document['n_users'], 'user')} and {counted(document['n_items'], 'item')}; "
            f"{self._epochs_line()}",
            "",
        ]
        if self.evaluation is not None:
            rows = counted(document["n_valid"], "validation rating")
            lines += error_table(self.evaluation, model.kind, rows)
        elif self._scores_preferences:
            name = (
                "training RMSE of the probabilities of likes"
                if hasattr(model, "likes_")
                else "root of the training loss"
            )
            line = (
                f"  {name} {model.train_rmse_:.4f}; the model predicts "
                "preferences from 0 to 1, so it has no RMSE on ratings"
            )
            hint = "; add --valid 0.1 to see how good its recommendations are"
            lines.append(line + (hint if self.held_out is None else ""))
        else:
            lines.append(
                f"  training RMSE {model.train_rmse_:.4f}; nothing was held out: add --valid 0.1 "
                "to see how good the model is on ratings it has not seen"
            )
        if self.ranking is not None:
            lines += ["", *ranking_table(self.ranking, model.kind)]
        if self._likes is not None:
            lines.append(likes_line(self._likes))
        phases = [f"{name} {seconds[name]:.2f}" for name in _PHASES]
        facts = [
            ("seconds", ", ".join(phases)),
            (
                "speed",
                f"{speed_text(self.ratings_per_second)} on {counted(self.threads, 'thread')}",
            ),
        ]
        if document["peak_rss_bytes"] is not None:
            facts.append(("peak memory", bytes_text(document["peak_rss_bytes"])))
        facts.append(("model", str(self.folder)))
        user = shlex.quote(str(model.users_.take([0])[0]))
        return [
            *lines,
            "",
            table(facts),
            "",
            f"Next: fastmf recommend {path_argument(self.folder)} --user {user}",
        ]

    def _epochs_line(self) -> str:
        model = self.model
        text = counted(model.epochs_run_, "epoch")
        if model.stopped_ == "patience":
            text += " (stopped early: no better validation RMSE)"
        if model.best_epoch_ != model.epochs_run_:
            text += f", epoch {model.best_epoch_} kept"
        return text
