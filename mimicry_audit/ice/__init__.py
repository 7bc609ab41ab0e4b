"""Identity consistency, asked: drives models through the adaptive search and has a model judge what was answered.

What is asked, judged and counted is decided in `mimicry_audit.identity`, which knows no engine; here engines are driven and
every answer is journalled. After the Identity Consistency Evaluation of Lee et al. 2025, arXiv 2501.12619.
"""
