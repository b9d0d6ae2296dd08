# One word each; infra/chorus.sh does the work, with containers where an engine answers and without where none does.
.PHONY: up demo test chaos bounds bench micro verify rebuild dead-letters replay down clean logs format
.DEFAULT_GOAL := up

up demo test chaos bounds bench micro verify rebuild dead-letters replay down clean logs:
	@infra/chorus.sh $@

format:
	@dotnet format Chorus.sln --exclude-diagnostics CA1305
