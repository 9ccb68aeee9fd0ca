DROP TABLE session_plugins;
DROP TABLE plugins;
DROP TABLE plugin_packages;
