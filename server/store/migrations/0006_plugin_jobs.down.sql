DROP TABLE plugin_jobs;
