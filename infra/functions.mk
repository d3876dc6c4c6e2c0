# Packs one function for AWS: its program, as `bootstrap`, and the hub, as `hub.json`. Included by the Makefile of each
# function, which says its `package`.
#
# `sam build` runs make in a copy of the function's folder, but on the Makefile where it really is: so everything is found
# from here. It says in ARTIFACTS_DIR where the package goes. The hub file is read with the environment of whoever builds.
#
# CROSSDOCK_BOOTSTRAPS names a folder of programs that are built already: as cargo leaves them (target/debug), or
# cargo-lambda (target/lambda). The command `crossdock` is taken from there too, if it is there. Nothing is compiled then.

root := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))..)
target := $(or $(CARGO_TARGET_DIR),$(root)/target)
# A path that starts nowhere starts at the root.
ready := $(if $(CROSSDOCK_BOOTSTRAPS),$(if $(filter /%,$(CROSSDOCK_BOOTSTRAPS)),,$(root)/)$(CROSSDOCK_BOOTSTRAPS))

.PHONY: package program hub
package: program hub

ifdef ready
program:
	@for file in "$(ready)/$(package)/bootstrap" "$(ready)/$(package)"; do \
	  if [ -f "$$file" ]; then cp "$$file" "$(ARTIFACTS_DIR)/bootstrap"; exit; fi; \
	done; \
	echo "found no $(package) and no $(package)/bootstrap in $(ready), which CROSSDOCK_BOOTSTRAPS names" >&2; exit 1
else
# rust-toolchain.toml is heeded in its folder only. cargo-lambda brings the linker for arm64, and links against the C
# library of Amazon Linux rather than that of this machine.
program:
	@cargo lambda --version >/dev/null 2>&1 || { \
	  echo "cargo-lambda is not installed: pip install cargo-lambda ziglang, or https://www.cargo-lambda.info" >&2; exit 1; }
	cd "$(root)" && CARGO_TARGET_DIR="$(target)" cargo lambda build --locked --profile function --arm64 --package $(package)
	cp "$(target)/lambda/$(package)/bootstrap" "$(ARTIFACTS_DIR)/bootstrap"
endif

crossdock := $(or $(wildcard $(ready)/crossdock),cargo run --quiet --locked --package crossdock-cli --)
hub:
	cd "$(root)" && $(crossdock) render --package "$(ARTIFACTS_DIR)/hub.json"
