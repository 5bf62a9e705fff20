"""Results of the public SWE-bench Verified leaderboard, and the script that wrote them."""
