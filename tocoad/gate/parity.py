"""What a check of a package found, and the gate's finding from it: an altered package is not what was judged."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tocoad.gate.finding import Finding, Outcome


class Parity(BaseModel):
    """`probes`: how many were compared, 0 where the package carries none. Without a fault the differences are those of
    the worst probe, as shares of the greatest score and of the map's greatest value; `tolerance` 0 asks for the same
    bytes. `here` and `there` are the processors of this check and of the packaging. `fault` says why nothing could be
    compared.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    probes: int = 0
    same_bytes: bool = False
    score_difference: float | None = None
    map_difference: float | None = None
    tolerance: float = 0.0
    here: str | None = None
    there: str | None = None
    fault: str | None = None

    @property
    def passed(self) -> bool:
        if self.fault is not None or self.probes == 0:
            return self.fault is None
        within = max(self.score_difference or 0.0, self.map_difference or 0.0) <= self.tolerance
        return self.same_bytes or (within and self.tolerance > 0)

    @property
    def reason(self) -> str:
        """One sentence."""
        if self.fault is not None:
            return f"parity: {self.fault}"
        if self.probes == 0:
            return "parity not checked: the package carries no probes, it was made before packages had any"
        if self.same_bytes:
            return f"parity: in a clean process the package gives the very scores and maps of its {self.probes} probes"
        asked = "the very bytes are asked for"
        if self.tolerance:
            asked = (
                f"{self.tolerance:g} is allowed on another processor or with other libraries "
                f"(packaged on {self.there}, checked on {self.here})"
            )
        off = f"scores by up to {self.score_difference:.2g} of the greatest, maps by {self.map_difference:.2g}"
        return f"parity: in a clean process the package's {self.probes} probes are off, {off}, where {asked}"

    @property
    def finding(self) -> Finding:
        """For the gate."""
        figures = {
            "probes": float(self.probes),
            "score_difference": self.score_difference,
            "map_difference": self.map_difference,
            "tolerance": self.tolerance,
        }
        outcome: Outcome = "failed" if not self.passed else "passed" if self.probes else "not applicable"
        return Finding(name="parity", outcome=outcome, reason=self.reason, figures=figures)
