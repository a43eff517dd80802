"""New images against those that a champion was calibrated on: has what the camera sees changed?"""
