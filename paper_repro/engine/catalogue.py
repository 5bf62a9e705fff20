"""The sets with at least 40 models whose full scores are known, and the published methods."""

from __future__ import annotations

from paper_repro.engine.sets import ResultSet

SETS = {
    one.name: one
    for one in (
        ResultSet("ollb2_ifeval_musr", "IFEval + MuSR (Open LLM Leaderboard v2)"),
        ResultSet("arc_challenge_official", "ARC-Challenge (Open LLM Leaderboard)"),
        ResultSet("ollb2_math_hard", "MATH level 5 (Open LLM Leaderboard v2)"),
        ResultSet("helm_lite_83", "HELM Lite"),
        ResultSet("helm_legalbench_79", "LegalBench (HELM)"),
        ResultSet("glue_87", "GLUE, prompted classifiers"),
        ResultSet("alpaca_eval2_weighted", "AlpacaEval 2, weighted preference"),
        ResultSet("ollb1_mix5_dense", "Five benchmarks (Open LLM Leaderboard v1)"),
        ResultSet("zeroeval_crux_gsm", "CRUXEval + GSM8K (ZeroEval)"),
        ResultSet("alpaca_eval1_gpt4", "AlpacaEval 1"),
        ResultSet("lcb_exec_testgen_46", "LiveCodeBench, execution and test output"),
        ResultSet("atlas_arc_mixtral_family", "ARC-Challenge, Mixtral family"),
        ResultSet("ollb1_arc", "ARC-Challenge items of metabench and tinyBenchmarks"),
        ResultSet("ollb1_truthfulqa", "TruthfulQA items of metabench and tinyBenchmarks"),
        ResultSet("ollb1_winogrande", "WinoGrande items of metabench and tinyBenchmarks"),
        ResultSet("nlu29_90", "29 language-understanding benchmarks"),
    )
}

FRONTIERS = {
    "ollb2_ifeval_musr": ("group:org", "group:family"),
    "arc_challenge_official": ("group:org", "group:family"),
    "ollb2_math_hard": ("group:org", "group:family"),
    "helm_lite_83": ("group:org", "date:list_order"),
    "ollb1_mix5_dense": ("group:org", "group:arch"),
    "lcb_exec_testgen_46": ("date:release_date",),
    "ollb1_arc": ("group:arch",),
    "ollb1_truthfulqa": ("group:arch",),
    "ollb1_winogrande": ("group:arch",),
    "nlu29_90": ("group:base_model",),
}
"""Splits by what is known of the models; ``list_order`` of HELM Lite is roughly that of time."""

FAMILIES = {
    "mistral_7b": (("arch", "MistralForCausalLM"), ("size_b", "7.24")),
    "solar_11b": (("arch", "LlamaForCausalLM"), ("size_b", "10.7")),
    "llama_8b": (("arch", "LlamaForCausalLM"), ("size_b", "8.03")),
    "mixtral_47b": (("arch", "MixtralForCausalLM"), ("size_b", "46.7")),
}
"""Fine-tunes and merges of one base model on Open LLM Leaderboard v1, by architecture and size."""

NARROW = {
    one.name: one
    for one in (
        ResultSet(
            "language_runs",
            "Checkpoints of small training runs",
            folder="language_soft",
            only=(("group", "source"),),
        ),
        *(
            ResultSet(
                f"family_{name}",
                "Fine-tunes of one base model (Open LLM Leaderboard v1)",
                folder="ollb1_mix5_dense",
                only=only,
            )
            for name, only in FAMILIES.items()
        ),
        *(
            ResultSet(
                f"variants_{spread:g}_{draw}", "Variants of one model", spread=spread, draw=draw
            )
            for spread in (0.0, 0.1, 0.2)
            for draw in range(2)
        ),
    )
}
"""Sets whose models score much the same; those of variants are made."""

AGENTS = {
    one.name: one
    for one in (
        ResultSet("agent_terminal_bench_112", "Terminal-Bench 2.0"),
        ResultSet("swebench_verified", "SWE-bench Verified"),
    )
}
"""Sets of agents, with the dates of their models (`release_date`)."""

RIVALS = (
    "random+mean",
    "stratified+mean",
    "random+ridge",
    "random+kernel_ridge",
    "random+aipw",
    "anchor_points+weighted_anchors",
    "anchor_points+kernel_ridge",
    "anchor_points+gp_irt",
    "anchor_points_irt+weighted_anchors",
    "anchor_points_irt+p_irt",
    "anchor_points_irt+gp_irt",
    "metabench",
    "mrmr+ridge",
    "mrmr+kernel_ridge",
    "mrmr_mid+kernel_ridge",
    "sparseeval",
)
"""Published methods; tinyBenchmarks' three estimators are those of ``anchor_points_irt``."""

EVERY_MODEL = 10_000
"""More models than any set has."""


def with_full_score(benchmark: str, title: str) -> ResultSet:
    """Return a set of Open LLM Leaderboard v1: a part of the items, the score on all as target."""
    folder = "ollb1_mix5_dense" if benchmark == "mmlu" else f"ollb1_{benchmark}"
    return ResultSet(
        f"{benchmark}_full_score",
        title,
        folder=folder,
        benchmark=benchmark,
        largest=EVERY_MODEL,
        target=f"full_score_{benchmark}",
    )


FULL_SCORES = {
    "arc": with_full_score("arc", "ARC-Challenge"),
    "truthfulqa": with_full_score("truthfulqa", "TruthfulQA"),
    "winogrande": with_full_score("winogrande", "WinoGrande"),
    "mmlu": with_full_score("mmlu", "MMLU"),
}
"""Full-benchmark scores predicted from answers on the part of the items that is public."""

POOLS = (
    "Items can be chosen only among those whose answers are public (ARC 317 of 1,172, TruthfulQA "
    "216 of 817, WinoGrande 196 of 1,267, MMLU 102 of 14,042, picked by metabench and "
    "tinyBenchmarks); the published methods chose among all of them. The score predicted is that "
    "on the full benchmark."
)
