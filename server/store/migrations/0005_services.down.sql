DROP TABLE plugin_values;
ALTER TABLE plugins DROP COLUMN granted;
ALTER TABLE plugin_packages DROP COLUMN service;
