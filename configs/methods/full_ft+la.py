_base_ = 'lift.py'
# everything trains, logit adjustment, LIFT's schedule: what LIFT is compared with
model = dict(adapter='full')
