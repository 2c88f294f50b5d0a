"""Many runs: every combination of some options, in parallel, resumable, on one machine or a Ray cluster.

python3 grid_search classifier_cnn.train --filters "4 4 8 8" "8 8 16 16" --dense 32 64 -- --dataset synthetic

Ray's core schedules, places and watches the runs; Ray Tune's scheduler prunes. Tune's own experiments are not used,
because they need a file system that all nodes share, and a run here can already be resumed from its folder. The
driver's run folders are authoritative; the files of other nodes are copied into them during training.
"""
