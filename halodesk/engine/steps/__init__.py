"""One module per step type; each offers `TYPE`, an instance of `base.StepType`."""
