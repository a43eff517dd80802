"""Benchmarks, one file per question: `python -m bench` answers all, `python -m bench aupro` one."""
