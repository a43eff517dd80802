-- The image makes the database mlflow; this is the other one.
CREATE DATABASE prefect;
