"""What the plugins of all editors share: the engine's protocol, requests, texts, the style library, histories and the setup.

Python 3.8, standard library only. Some modules are the engine's own, of which the build adds copies: protocol, disk, i18n,
installation, setup_failures and setup_steps.
"""
