"""The kinds of objects in annotations, and the class names that usually mean them.

This module imports nothing, so that `--help` is fast.
"""

BALL, ROBOT, PENALTY, OTHER, IGNORE = "ball", "robot", "penalty mark", "other", "ignore"
KNOWN = {
    BALL: {"ball", "balls", "football", "soccerball", "sportsball"},
    ROBOT: {"robot", "robots", "nao", "naos", "player", "booster", "k1", "t1"},
    PENALTY: {"penaltymark", "penaltyspot", "penaltypoint", "penalty", "penaltycross"},
    IGNORE: {"ignore", "dontcare", "unknown", "crowd"},
}
